// Where each tile lies: groups below each other, in each the tiles in the order of their addresses, eight by eight cells each.
//
// Lengths are those at which the whole map fits; the view scales them.

const SIDE = 8, PITCH = SIDE + 1, MARGIN = 14, HEADING = 26, LARGEST_CELL = 42, SMALLEST_CELL = 0.7;

const GROUPS = { arenas: "Arenas of 4 MiB, each with 64 pools", huge: "Huge blocks in use, in squares of 4 MiB", kept: "Freed huge blocks, kept for the next" };

/// The places of all tiles that any moment has, so that each stays where it is.
function placesOf(moments) {
  const groups = new Map(), several = moments.some((moment) => moment.snapshot.heaps.length > 1);
  for (const moment of moments) {
    moment.byKey = new Map(moment.tiles.map((tile) => [tile.key, tile]));
    for (const { group, key, start, cells } of moment.tiles) {
      if (!groups.has(group)) groups.set(group, new Map());
      const known = groups.get(group).get(key);
      if (!known || known.cells < cells) groups.get(group).set(key, { key, start, cells });
    }
  }
  const order = ["arenas", "huge", "kept"];
  const rank = (name) => Number(name.split(" ")[1]) * 3 + order.indexOf(name.split(" ")[0]);
  let atlas = 0;
  return [...groups.keys()].sort((one, other) => rank(one) - rank(other)).map((name) => {
    const [what, number] = name.split(" ");
    const places = [...groups.get(name).values()].sort((one, other) => one.start - other.start);
    places.forEach((place, index) => {
      place.atlas = atlas++;
      place.isApart = index > 0 && places[index - 1].start + TILE_BYTES !== place.start;
    });
    return { title: GROUPS[what] + (several ? `, allocator ${Number(number) + 1}` : ""), places };
  });
}

/// The fewest tiles in a row with which all fits.
function layOut(groups, width, height) {
  const inner = width - 2 * MARGIN, most = Math.max(1, ...groups.map((group) => group.places.length));
  const scale = (row) => Math.min(LARGEST_CELL, inner / (row * PITCH - 1));
  const total = (row) => groups.reduce((sum, group) => sum + HEADING + Math.ceil(group.places.length / row) * PITCH * scale(row), 2 * MARGIN);
  let row = Math.max(1, Math.min(most, Math.floor(inner / (LARGEST_CELL * PITCH))));
  while (row < most && total(row) > height && scale(row + 1) > SMALLEST_CELL) row++;
  const cell = scale(row), pitch = cell * PITCH;
  let top = MARGIN;
  for (const group of groups) {
    Object.assign(group, { heading: top, top: top + HEADING, rows: Math.ceil(group.places.length / row) });
    group.places.forEach((place, index) => {
      place.x = MARGIN + (index % row) * pitch;
      place.y = group.top + Math.floor(index / row) * pitch;
    });
    top = group.top + group.rows * pitch;
  }
  return { groups, row, cell, pitch, width, height: top + MARGIN };
}

/// The place and the index of the cell at a point.
function cellAt(layout, x, y) {
  const group = layout.groups.find((group) => y >= group.top && y < group.top + group.rows * layout.pitch);
  if (!group || x < MARGIN) return null;
  const [column, line] = [Math.floor((x - MARGIN) / layout.pitch), Math.floor((y - group.top) / layout.pitch)];
  const place = column < layout.row ? group.places[line * layout.row + column] : undefined;
  if (!place) return null;
  const [inX, inY] = [Math.floor((x - place.x) / layout.cell), Math.floor((y - place.y) / layout.cell)];
  const index = inY * SIDE + inX;
  return inX < SIDE && inY < SIDE && index < place.cells ? { place, index } : null;
}

/// The middle of a cell.
const middleOf = (layout, { place, index }) => ({
  x: place.x + ((index % SIDE) + 0.5) * layout.cell, y: place.y + (Math.floor(index / SIDE) + 0.5) * layout.cell,
});
