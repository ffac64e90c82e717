// What stands around the map: the waterfall and its causes, the legend, the chosen pool, and what pins what.

/// An element; what is no attribute of its own is a child, and texts are texts, never markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(made.style, value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Each part of the resident memory: its stable name, a title, and its colour on light and on dark.
const PARTS = [
  ["live-small", "live, small blocks", "#2c5fa8", "#3a74c4"], ["live-large", "live, large", "#5b7fb5", "#5c86c2"],
  ["live-huge", "live, huge", "#8aa4cb", "#83a3d2"], ["ready-in-threads", "ready in threads", "#8a55d1", "#b287f0"],
  ["free-blocks", "free blocks in pools in use", "#e2852f", "#e8923f"], ["uncarved", "not carved yet", "#f1c777", "#c7a35a"],
  ["free-pools-kept", "free pools kept", "#b4bcc8", "#6a7686"], ["due-to-be-purged", "due to go back", "#c7cdd6", "#596575"],
  ["lazily-purged", "the kernel's to take", "#d2d8e0", "#4d5867"], ["back-in-huge-pages", "back as huge pages", "#c9b6e6", "#6d5b93"],
  ["free-huge-blocks", "freed huge blocks", "#a8b2c0", "#7b8797"], ["metadata", "metadata", "#5d6878", "#8e9aab"],
  ["rest", "the rest of the process", "#dfe3e9", "#39424e"],
];

function fallOf(state) {
  const { explanation } = state.moment.snapshot, whole = explanation.rss_bytes;
  const bytes = new Map(explanation.lines.map((line) => [line.name, line.bytes]));
  const parts = PARTS.map(([name, title, light, dark]) => ({ title, bytes: bytes.get(name) ?? 0, colour: state.theme === "dark" ? dark : light }));
  const there = parts.filter((part) => part.bytes > 0);
  const bar = element("div", { class: "fall", role: "img", "aria-label": there.map((part) => `${part.title} ${bytesText(part.bytes)}`).join(", ") },
    ...there.map((part) => {
      const [red, green, blue] = numbersOf(part.colour), isBright = red * 0.3 + green * 0.6 + blue * 0.1 > 150;
      const words = part.bytes > whole * 0.12 ? `${part.title} ${bytesText(part.bytes)}` : "";
      return element("i", { title: `${part.title}: ${bytesText(part.bytes)}, ${percentText(part.bytes, whole)}`,
        style: { background: part.colour, flex: `${part.bytes} 1 0`, color: isBright ? "#10151c" : "#fff", padding: words ? "" : "0" } }, words);
    }));
  const list = element("ul", { class: "parts" }, ...there.filter((part) => part.bytes >= whole * 0.004).map((part) =>
    element("li", {}, element("i", { class: "swatch", style: { background: part.colour } }), part.title, " ",
      element("b", {}, bytesText(part.bytes)), element("span", { class: "soft" }, percentText(part.bytes, whole)))));
  const causes = explanation.causes.map((cause, number) => element("details", { class: "cause", open: false },
    element("summary", {}, element("b", {}, cause.cause === "none" ? "no problem" : cause.cause), cause.cause === "none" ? " "
      : ` · ${bytesText(cause.bytes)} · ${Math.round(cause.confidence * 100)} % sure `,
    element("span", { class: "soft" }, cause.evidence)), element("p", {}, cause.advice)));
  return [bar, list, ...causes];
}

/// Rows of a legend that is not asked for as a whole.
const LEGEND_ROWS = 19;

function legendOf(state, pick, whole) {
  const { sorted, theme, filter } = state, most = Math.max(1, ...sorted.bytes);
  let rows = sorted.categories.map((category, index) => ({ category, index, bytes: sorted.bytes[index], cells: sorted.cells[index] }));
  rows = rows.filter((row) => row.cells > 0);
  if (state.mode === 1) {
    const first = rows.filter((row) => row.category.class !== undefined).sort((one, other) => other.bytes - one.bytes);
    rows = [...first, ...rows.filter((row) => row.category.class === undefined)];
  }
  const isLong = rows.length > LEGEND_ROWS + 3 && !state.isLegendWhole, hidden = isLong ? rows.length - LEGEND_ROWS : 0;
  const more = hidden > 0 && element("li", {}, element("button", { type: "button", class: "more", onclick: whole }, `${hidden} more`));
  if (isLong) rows = [...rows.slice(0, LEGEND_ROWS - 7), ...rows.slice(-7)];
  return element("ul", { class: "legend" }, ...rows.map(({ category, index, bytes, cells }) => element("li", {},
    element("button", {
      type: "button", "aria-pressed": String(filter?.category === index), title: `${category.name}: ${countText(cells, "square of 64 KiB", "squares of 64 KiB")}`,
      onclick: () => pick(filter?.category === index ? null : { category: index }),
    },
    element("i", { class: category.isEmpty ? "swatch empty" : "swatch", style: { background: category[theme] } }),
    element("span", { class: "name" }, category.name),
    element("span", { class: "bar" }, element("i", { style: { width: `${(bytes / most) * 100}%`, background: category[theme] } })),
    element("span", { class: "bytes" }, bytesText(bytes))))), ...(more ? [more] : []));
}

/// What is known of a cell: pairs of a word and what it says.
function told(state, { place, index }) {
  const { moment } = state, tile = moment.byKey.get(place.key);
  const address = place.start + index * POOL_BYTES;
  if (!tile || index >= tile.cells) return { title: "not there at this moment", address, pairs: [] };
  const cell = tile.first + index, head = headOf(moment, cell), kind = moment.kind[head], pages = moment.pages[cell], pairs = [];
  const titles = {
    [Kind.Metadata]: "metadata of the arena", [Kind.Clean]: "free pool without memory", [Kind.Kept]: "free pool, kept for a while",
    [Kind.Due]: "free pool, due to go back", [Kind.Lazy]: "free pool, the kernel's to take", [Kind.Claimed]: "pool claimed a moment ago",
    [Kind.Huge]: "part of a huge block", [Kind.HugeKept]: "part of a freed huge block",
  };
  let title = titles[kind];
  if (kind === Kind.Blocks) {
    const size = moment.blockBytes[moment.class[head]], room = capacityOf(moment, head), live = moment.live[head], ready = moment.ready[head];
    const resident = residentFrom(moment, head), pools = poolsFrom(moment, head);
    title = `blocks of ${sizeText(size)}`;
    if (pools > 1) pairs.push(["pool", `${cell - head + 1} of ${pools} that share their blocks`]);
    pairs.push(["live", `${live} of ${countText(room, "block")}${ready ? `, ${ready} of them ready in a magazine` : ""}`]);
    if (resident) pairs.push(["fill", `${percentText(Math.min(resident, heldBytes(moment, head)), resident)} of what is in memory`]);
    if (isPinned(moment, head) && resident > live * size) {
      pairs.push(["keeps", `${bytesText(resident - live * size)} of free memory for ${countText(live, "block")} of ${sizeText(size)}`]);
    }
    const keeping = moment.keeping[head], taker = moment.taker[head];
    const whose = ["", "owned by a thread at this moment", "owned by no thread, little room", "owned by no thread, any may adopt it"][keeping & 3];
    pairs.push(["owner", `${whose}${taker ? `; last taken by ${holderName(moment.holders[taker])}` : ""}`]);
    if ((keeping >> 2) & 1) pairs.push(["idle", IDLE[1]]);
  }
  if (moment.kind[head] === Kind.Run) title = `large block of ${bytesText(moment.live[head] * POOL_BYTES)}`;
  if (tile.range) pairs.push(["block", `${bytesText(tile.range.bytes)} at ${addressText(tile.range.start)}`]);
  if (state.moments.length > 1) {
    const seconds = (moment.snapshot.taken_ms - state.moments[moment.since[cell]].snapshot.taken_ms) / 1000;
    pairs.push(["use", seconds > 0 ? `the same for ${seconds.toFixed(1)} s at least` : "first seen at this moment"]);
  }
  const huge = moment.pinned[cell] ? "explicit huge pages" : moment.keeping[cell] & 16 ? "in huge pages" : "";
  pairs.push(["in memory", `${bytesText(residentBytes(moment, cell))}${huge ? `, ${huge}` : ""}`]);
  return { title, address, pairs, pages, holes: moment.holes[cell], isExact: kind < Kind.Huge && !moment.pinned[cell] };
}

function chosenOf(state) {
  if (!state.chosen) return [element("p", {}, "Choose a square with the mouse, or with the arrow keys, to see what is in it.")];
  const { title, address, pairs, pages, holes, isExact } = told(state, state.chosen);
  const grid = isExact && element("span", { class: "pages", role: "img", "aria-label": "its pages" },
    ...Array.from({ length: 16 }, (_, page) => element("i", { class: (pages >> page) & 1 ? "in" : (holes >> page) & 1 ? "gone" : "" })));
  return [element("dl", {}, element("dt", {}, "what"), element("dd", {}, element("b", {}, title ?? "")),
    element("dt", {}, "at"), element("dd", {}, element("code", {}, addressText(address))),
    ...pairs.flatMap(([word, says]) => [element("dt", {}, word), element("dd", {}, says)]),
    ...(grid ? [element("dt", {}, "pages"), element("dd", {}, grid, holes ? element("span", { class: "soft" }, "dashed: given back") : "")] : []))];
}

const COLUMNS = [
  ["size", "block", "bytes of a block"], ["live", "live", "bytes of blocks that the program has"], ["ready", "ready", "bytes of blocks in threads' magazines"],
  ["free", "free", "bytes in memory beside them"], ["pinned", "pinned", "of the pools of this class, those of which blocks fill at most a quarter"],
  ["by", "blocks", "blocks in those, live or ready"], ["back", "held", "bytes in memory of the pinned pools"],
];

function pinsOf(state, sort, pick) {
  const rows = classRows(state.moment), way = state.order.isUp ? 1 : -1;
  rows.sort((one, other) => way * (one[state.order.by] - other[state.order.by]) || one.size - other.size);
  const head = element("tr", {}, ...COLUMNS.map(([key, word, says]) => element("th", {
    scope: "col", "aria-sort": state.order.by === key ? (state.order.isUp ? "ascending" : "descending") : undefined,
  }, element("button", { type: "button", title: says, onclick: () => sort(key) }, word))));
  const body = rows.map((row) => {
    const isPicked = state.filter?.class === row.class, choose = () => pick(isPicked ? null : { class: row.class });
    return element("tr", { "aria-selected": String(isPicked), onclick: choose },
      element("td", {}, element("button", { type: "button", "aria-label": `highlight blocks of ${sizeText(row.size)}` }, sizeText(row.size))),
      ...[bytesText(row.live), bytesText(row.ready), bytesText(row.free), `${row.pinned.toLocaleString("en")} of ${row.pools.toLocaleString("en")}`, row.by.toLocaleString("en"), bytesText(row.back)]
        .map((text) => element("td", {}, text)));
  });
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

function worstOf(state, show) {
  const rows = worstPools(state.moment, 12);
  if (rows.length === 0) return element("p", {}, "No pool is kept by few blocks.");
  const head = ["block", "live", "ready", "holds free", "at"].map((word) => element("th", { scope: "col" }, word));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows.map((row) => {
    const tile = state.moment.tiles.findLast((tile) => tile.first <= row.cell), index = row.cell - tile.first;
    return element("tr", { onclick: () => show(tile.key, index) },
      ...[sizeText(row.size), row.live, row.ready, bytesText(row.free)].map((text) => element("td", {}, String(text))),
      element("td", {}, element("button", { type: "button" }, element("code", {}, addressText(tile.start + index * POOL_BYTES)))));
  })));
}

/// Resident and live bytes over the moments, as a small picture beside the slider.
function sparkOf(moments, number) {
  const [width, height] = [220, 26], space = "http://www.w3.org/2000/svg";
  const rss = moments.map((moment) => moment.snapshot.explanation.rss_bytes), top = Math.max(...rss);
  const live = moments.map((moment) => moment.snapshot.explanation.lines.find((line) => line.name === "live")?.bytes ?? 0);
  const x = (index) => 7 + (index * (width - 14)) / Math.max(1, moments.length - 1), y = (bytes) => height - 1 - (bytes / top) * (height - 4);
  const area = (values) => `M${x(0)},${height} ${values.map((value, index) => `L${x(index)},${y(value)}`).join(" ")} L${x(values.length - 1)},${height}Z`;
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ width, height, role: "img", "aria-label": "resident memory and live blocks over time" })) svg.setAttribute(key, value);
  const shape = (name, attributes) => {
    const made = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    svg.append(made);
  };
  shape("path", { d: area(rss), fill: "var(--line)" });
  shape("path", { d: area(live), fill: "var(--accent)", "fill-opacity": 0.45 });
  shape("path", { d: `M${x(number)},0V${height}`, stroke: "var(--ink)", "stroke-width": 1.5 });
  return svg;
}
