// The map on its canvas. From afar a tile is a picture of 8 × 8 dots out of one atlas; near by each cell is drawn, then its pages.

const ATLAS_ROW = 128, CELLS_FROM = 7, PAGES_FROM = 15, WORDS_FROM = 58;

/// What a colour is in numbers.
const numbersOf = (() => {
  const known = new Map(), probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  return (colour) => {
    if (!known.has(colour)) {
      probe.clearRect(0, 0, 1, 1);
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
      known.set(colour, [...probe.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(colour);
  };
})();

/// Whether a cell is among what is highlighted.
function isLit(state, cell) {
  const { filter, moment } = state, head = headOf(moment, cell);
  if (filter === null) return true;
  if (filter.class !== undefined) return moment.kind[head] === Kind.Blocks && moment.class[head] === filter.class;
  return state.sorted.of[cell] === filter.category;
}

/// One dot for each cell of each tile, in this moment, colouring and scheme.
function atlasOf(state) {
  const { layout, moment, sorted, theme } = state;
  const tiles = layout.groups.reduce((sum, group) => sum + group.places.length, 0);
  const atlas = document.createElement("canvas");
  [atlas.width, atlas.height] = [ATLAS_ROW * SIDE, Math.ceil(tiles / ATLAS_ROW) * SIDE];
  const context = atlas.getContext("2d"), image = context.createImageData(atlas.width, atlas.height);
  const dots = new Uint32Array(image.data.buffer);
  const word = ([red, green, blue, alpha], share) => (((alpha * share) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const colours = sorted.categories.map((category) => word(numbersOf(category[theme]), 1));
  const faint = sorted.categories.map((category) => word(numbersOf(category[theme]), 0.13));
  for (const place of layout.groups.flatMap((group) => group.places)) {
    const tile = moment.byKey.get(place.key);
    const corner = Math.floor(place.atlas / ATLAS_ROW) * SIDE * atlas.width + (place.atlas % ATLAS_ROW) * SIDE;
    for (let index = 0; tile && index < tile.cells; index++) {
      const cell = tile.first + index, category = sorted.of[cell];
      dots[corner + (index >> 3) * atlas.width + (index & 7)] = isLit(state, cell) ? colours[category] : faint[category];
    }
  }
  context.putImageData(image, 0, 0);
  return atlas;
}

function paint(state, context, ratio) {
  const { layout, view, moment, style } = state, cell = layout.cell * view.k;
  const { width, height } = context.canvas;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = cell * ratio < 1;
  state.atlas ??= atlasOf(state);
  const [right, bottom] = [width / ratio, height / ratio], side = SIDE * cell;
  for (const group of layout.groups) {
    context.fillStyle = style.soft;
    context.font = "12.5px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    const [x, y] = [MARGIN * view.k + view.x, group.top * view.k + view.y - 9];
    if (y > 0 && y < bottom + 20) context.fillText(`${group.title} · ${countText(group.places.length, "square")}`, Math.max(x, MARGIN), y);
    for (const place of group.places) {
      const [left, top] = [place.x * view.k + view.x, place.y * view.k + view.y];
      if (left > right || top > bottom || left + side < 0 || top + side < 0) continue;
      paintTile(state, context, place, moment.byKey.get(place.key), left, top, cell);
    }
  }
  ring(state, context, state.hover, style.soft, 1.5);
  ring(state, context, state.chosen, style.accent, 2.5);
}

function paintTile(state, context, place, tile, left, top, cell) {
  const side = SIDE * cell;
  context.fillStyle = state.style.tile;
  context.fillRect(left, top, side, Math.ceil(place.cells / SIDE) * cell);
  if (place.isApart && cell > 2) {
    context.fillStyle = state.style.soft;
    context.fillRect(left - cell * 0.5 - 0.5, top, 1, Math.min(side, 14));
  }
  if (!tile) return;
  if (cell < CELLS_FROM) {
    const [x, y] = [(place.atlas % ATLAS_ROW) * SIDE, Math.floor(place.atlas / ATLAS_ROW) * SIDE];
    context.drawImage(state.atlas, x, y, SIDE, SIDE, left, top, side, side);
    return;
  }
  for (let index = 0; index < tile.cells; index++) {
    paintCell(state, context, tile.first + index, left + (index & 7) * cell, top + (index >> 3) * cell, cell);
  }
  context.globalAlpha = 1;
}

function paintCell(state, context, cell, left, top, side) {
  const { moment, sorted, theme, style } = state, category = sorted.categories[sorted.of[cell]];
  const [right, bottom] = [context.canvas.clientWidth, context.canvas.clientHeight];
  if (left > right || top > bottom || left + side < 0 || top + side < 0) return;
  const gap = side > 12 ? 1.5 : 1, inner = side - gap, lit = isLit(state, cell) ? 1 : 0.14;
  context.globalAlpha = lit;
  const pages = moment.pages[cell], isJoined = moment.kind[cell] === Kind.RunGoesOn && (cell & 7) !== 0;
  if (category.isEmpty && pages === 0) {
    context.strokeStyle = style.line;
    context.lineWidth = 1;
    context.strokeRect(left + 1, top + 1, inner - 1.5, inner - 1.5);
  } else {
    const colour = category.isEmpty ? style.soft : category[theme];
    context.fillStyle = colour;
    const start = isJoined ? left - gap : left, width = isJoined ? inner + gap : inner;
    if (side < PAGES_FROM || moment.pinned[cell] || pages === 0xffff) {
      context.fillRect(start, top, width, inner);
    } else {
      context.globalAlpha = lit * 0.2;
      context.fillRect(start, top, width, inner);
      context.globalAlpha = lit;
      const step = inner / 4, dot = step - (side > 40 ? 1 : 0.5);
      for (let page = 0; page < 16; page++) {
        if ((pages >> page) & 1) context.fillRect(left + (page & 3) * step, top + (page >> 2) * step, dot, dot);
      }
    }
  }
  if (state.mode === 2 && moment.kind[cell] === Kind.Blocks && (moment.keeping[cell] & 3) === Tenure.Owned) {
    context.fillStyle = style.card;
    context.beginPath();
    context.arc(left + inner / 2, top + inner / 2, Math.max(1.5, inner * 0.13), 0, 7);
    context.fill();
  }
  if (side >= WORDS_FROM) words(state, context, cell, left, top, inner);
}

/// Size and count of a pool's blocks, on the cell itself.
function words(state, context, cell, left, top, inner) {
  const { moment, style } = state, kind = moment.kind[cell];
  const lines = kind === Kind.Blocks ? [bytesText(moment.blockBytes[moment.class[cell]]), `${moment.live[cell]} of ${capacityOf(moment, cell)}`]
    : kind === Kind.Metadata ? ["metadata"] : kind === Kind.Run ? [bytesText(moment.live[cell] * POOL_BYTES)] : [];
  const longest = Math.max(...lines.map((line) => line.length), 1);
  context.font = `600 ${Math.min(15, inner / 5.2, (inner * 1.55) / longest)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = style.card;
  context.fillStyle = style.ink;
  lines.forEach((line, number) => {
    const y = top + inner / 2 + (number - (lines.length - 1) / 2) * (inner / 4.2) + inner / 14;
    context.strokeText(line, left + inner / 2, y);
    context.fillText(line, left + inner / 2, y);
  });
  context.textAlign = "start";
}

function ring(state, context, where, colour, width) {
  if (!where) return;
  const { layout, view } = state, middle = middleOf(layout, where), side = Math.max(7, layout.cell * view.k + 2);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.strokeRect(middle.x * view.k + view.x - side / 2 - 0.75, middle.y * view.k + view.y - side / 2 - 0.75, side, side);
}
