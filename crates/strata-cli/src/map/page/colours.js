// The choices of colouring: each sorts the cells of a moment into a few categories, and says how these look on light and on dark.
//
// A category: { name, light, dark, isEmpty }. Blue to red is told apart by people who see no red or green as well.

const FREE = [
  { kind: Kind.Kept, name: "free, kept for a while", light: "#b4bcc8", dark: "#566170" },
  { kind: Kind.Due, name: "free, due to go back", light: "#cbd1da", dark: "#444e5b" },
  { kind: Kind.Lazy, name: "free, the kernel's to take", light: "#d9dee5", dark: "#38414c" },
  { kind: Kind.Clean, name: "free, without memory", light: "#00000000", dark: "#00000000", isEmpty: true },
  { kind: Kind.Metadata, name: "metadata", light: "#5d6878", dark: "#8e9aab" },
];
const LARGE = { light: "#6b7fa3", dark: "#7287ad" }, HUGE = { light: "#47597d", dark: "#54688f" };

/// Which of the common categories a cell is in, if any; they stand behind the colouring's own.
function common(moment, cell, own) {
  switch (moment.kind[cell]) {
    case Kind.Kept: case Kind.Claimed: case Kind.HugeKept: return own;
    case Kind.Due: return own + 1;
    case Kind.Lazy: return own + 2;
    case Kind.Clean: return own + 3;
    case Kind.Metadata: return own + 4;
    default: return -1;
  }
}

/// Sorts all cells. `own` are the colouring's categories, `choose` says which one a cell in use is in.
function sorted(moment, own, choose) {
  const of = new Uint16Array(moment.count), bytes = new Array(own.length + FREE.length).fill(0), cells = bytes.slice();
  for (let cell = 0; cell < moment.count; cell++) {
    const shared = common(moment, cell, own.length);
    const category = shared >= 0 ? shared : choose(cell);
    of[cell] = category;
    bytes[category] += residentBytes(moment, cell);
    cells[category]++;
  }
  return { categories: [...own, ...FREE], of, bytes, cells };
}

const OCCUPANCY = [
  { name: "90 % or more is live", least: 0.9, light: "#2c5fa8", dark: "#2f62a8" },
  { name: "75 to 90 %", least: 0.75, light: "#4f8ec2", dark: "#3f83b4" },
  { name: "50 to 75 %", least: 0.5, light: "#8fc1cf", dark: "#5fa6b0" },
  { name: "25 to 50 %", least: 0.25, light: "#efd27f", dark: "#cdae55" },
  { name: "10 to 25 %", least: 0.1, light: "#ee9a45", dark: "#e38d3d" },
  { name: "under 10 %", least: 0, light: "#d8432a", dark: "#f2583b" },
  { name: "only blocks in magazines", least: 2, light: "#8a55d1", dark: "#b287f0" },
];

function byOccupancy(moment) {
  return sorted(moment, OCCUPANCY, (cell) => {
    const head = headOf(moment, cell);
    if (moment.kind[head] !== Kind.Blocks) return 0;
    if (heldBlocks(moment, head) === 0 && moment.ready[head] > 0) return 6;
    const filled = fill(moment, head);
    return OCCUPANCY.findIndex((category) => filled >= category.least);
  });
}

function byClass(moment) {
  const rows = classRows(moment).sort((one, other) => one.size - other.size);
  const own = rows.map((row) => {
    const hue = 15 + (row.class * 330) / moment.blockBytes.length, step = row.class % 3;
    return {
      name: `blocks of ${sizeText(row.size)}`, class: row.class, light: `oklch(${0.56 + step * 0.09} 0.13 ${hue})`,
      dark: `oklch(${0.6 + step * 0.09} 0.125 ${hue})`,
    };
  });
  const index = new Map(own.map((category, number) => [category.class, number]));
  own.push({ name: "large blocks: runs of pools", ...LARGE }, { name: "huge blocks", ...HUGE });
  return sorted(moment, own, (cell) => {
    const head = headOf(moment, cell), kind = moment.kind[head];
    return kind === Kind.Blocks ? index.get(moment.class[head]) : own.length - (kind === Kind.Huge ? 1 : 2);
  });
}

const THREADS = [
  ["#2c6fbb", "#5b9fe6"], ["#d9762b", "#ee9550"], ["#2f9e77", "#4cc39a"], ["#b0438f", "#dc78bd"], ["#c9a21a", "#e0c04d"],
  ["#7355c4", "#a38af0"], ["#c4473a", "#ee7569"], ["#4d94a8", "#74c0d4"], ["#7b8f2a", "#aac155"], ["#93653d", "#c0946d"],
];
const holderName = ({ thread, name }) => (thread > 0 ? `${name || "an ended thread"} (${thread})` : "a heap of the program's");

function byOwner(moment) {
  const bytes = new Map();
  for (let cell = 0; cell < moment.count; cell++) {
    if (moment.kind[cell] === Kind.Blocks) bytes.set(moment.taker[cell], (bytes.get(moment.taker[cell]) ?? 0) + residentFrom(moment, cell));
  }
  const most = [...bytes].filter(([taker]) => taker > 0).sort((one, other) => other[1] - one[1]).slice(0, THREADS.length);
  const own = most.map(([taker], number) => ({
    name: holderName(moment.holders[taker]), light: THREADS[number][0], dark: THREADS[number][1],
  }));
  const index = new Map(most.map(([taker], number) => [taker, number]));
  own.push({ name: "another, or one that is gone", light: "#9aa4b2", dark: "#77828f" });
  own.push({ name: "large blocks: runs of pools", ...LARGE }, { name: "huge blocks", ...HUGE });
  return sorted(moment, own, (cell) => {
    const head = headOf(moment, cell), kind = moment.kind[head];
    if (kind !== Kind.Blocks) return own.length - (kind === Kind.Huge ? 1 : 2);
    return index.get(moment.taker[head]) ?? own.length - 3;
  });
}

const RESIDENCY = [
  { name: "all of it, in huge pages", light: "#7a4cc2", dark: "#a67cf0" },
  { name: "all 16 pages", least: 16, light: "#1d5c63", dark: "#4fb0a8" },
  { name: "12 to 15 pages", least: 12, light: "#2f8a86", dark: "#3f938d" },
  { name: "8 to 11 pages", least: 8, light: "#5fb3a6", dark: "#327671" },
  { name: "4 to 7 pages", least: 4, light: "#9dd3c3", dark: "#285c5a" },
  { name: "1 to 3 pages", least: 1, light: "#cfeadf", dark: "#214745" },
  { name: "none in memory", least: 0, light: "#00000000", dark: "#00000000", isEmpty: true },
  { name: "explicit huge pages", light: "#b0438f", dark: "#dc78bd" },
];

function byResidency(moment) {
  const choose = (cell) => {
    if (moment.pinned[cell]) return 7;
    if (moment.keeping[cell] & 16) return 0;
    const pages = POPULATION[moment.pages[cell]];
    return RESIDENCY.findIndex((category) => pages >= category.least);
  };
  const result = sorted(moment, RESIDENCY, choose);
  result.categories = RESIDENCY;
  result.bytes = new Array(RESIDENCY.length).fill(0);
  result.cells = result.bytes.slice();
  // Free pools and metadata as well: here only their pages count.
  for (let cell = 0; cell < moment.count; cell++) {
    const category = choose(cell);
    result.of[cell] = category;
    result.bytes[category] += residentBytes(moment, cell);
    result.cells[category]++;
  }
  return result;
}

const AGES = [
  ["#d8432a", "#f2583b"], ["#ee9a45", "#e38d3d"], ["#efd27f", "#cdae55"], ["#b9d4a0", "#93a873"], ["#8fc1cf", "#5fa6b0"],
  ["#4f8ec2", "#3f83b4"], ["#2c5fa8", "#2f62a8"],
];
const IDLE = ["in use, or few of its blocks free", "idle, its free pages went"];

/// By how long a pool is seen in its present use, where there are several moments; else by whether it lay idle.
function byAge(moment, moments) {
  const others = [{ name: "large blocks: runs of pools", ...LARGE }, { name: "huge blocks", ...HUGE }];
  if (moments.length === 1) {
    const own = IDLE.map((name, idle) => ({ name, light: AGES[idle * 6][0], dark: AGES[idle * 6][1] })).concat(others);
    return sorted(moment, own, (cell) => {
      const head = headOf(moment, cell), kind = moment.kind[head];
      if (kind !== Kind.Blocks) return own.length - (kind === Kind.Huge ? 1 : 2);
      return (moment.keeping[head] >> 2) & 1;
    });
  }
  const number = moments.indexOf(moment), buckets = Math.min(AGES.length, number + 1);
  const taken = (index) => moments[index].snapshot.taken_ms;
  const bucketOf = (since) => Math.floor(((number - since) * (buckets - 1)) / Math.max(1, number));
  const least = new Array(buckets).fill(Infinity);
  for (let since = number; since >= 0; since--) least[bucketOf(since)] = Math.min(least[bucketOf(since)], taken(number) - taken(since));
  const own = least.map((age, bucket) => {
    const seconds = (age / 1000).toFixed(age < 10000 ? 1 : 0);
    const name = number === 0 ? "first seen at this moment" : bucket === buckets - 1 ? `as it was ${seconds} s ago, or longer` : bucket === 0 ? "new since the look before" : `in this use for ${seconds} s`;
    const shade = AGES[Math.round((bucket * (AGES.length - 1)) / Math.max(1, buckets - 1))];
    return { name, light: shade[0], dark: shade[1] };
  });
  return sorted(moment, own, (cell) => bucketOf(moment.since[cell]));
}

const MODES = [
  { name: "Occupancy", says: "How much of the memory in a pool the program's blocks fill. Red pools hold much for little.", sort: byOccupancy },
  { name: "Class", says: "Which size of block a pool serves.", sort: byClass },
  { name: "Owner", says: "Which thread last took blocks of a pool. A dot: it owns the pool at this moment.", sort: byOwner },
  { name: "Residency", says: "Which of a pool's 16 pages of 4 KiB are in memory.", sort: byResidency },
  { name: "Age", says: "", sort: byAge },
];
const AGE_SAYS = {
  one: "Whether a pool lay idle, so that its free pages went. With several snapshots: how long it is in its present use.",
  many: "How long a pool is seen in its present use, over the snapshots of this page.",
};
