// What the cells of a moment add up to: bytes in memory, what each class has, which pools few blocks keep, how old a use is.

const POPULATION = Uint8Array.from({ length: 65536 }, (_, bits) => {
  let count = 0;
  for (; bits; bits &= bits - 1) count++;
  return count;
});

/// Bytes in memory; explicit huge pages are all there.
const residentBytes = (moment, cell) => (moment.pinned[cell] ? POOL_BYTES : POPULATION[moment.pages[cell]] * PAGE_BYTES);

/// The first pool of the run that a cell belongs to, or of the span of pools that share their blocks: what is known of all is known of it.
function headOf(moment, cell) {
  while (moment.kind[cell] === Kind.RunGoesOn) cell--;
  return cell;
}

/// How many pools belong together from this one on, the first.
function poolsFrom(moment, head) {
  let end = head + 1;
  while (end < moment.count && moment.kind[end] === Kind.RunGoesOn) end++;
  return end - head;
}

/// Bytes in memory of all of them.
function residentFrom(moment, head) {
  let bytes = 0;
  for (let pools = poolsFrom(moment, head); pools--;) bytes += residentBytes(moment, head + pools);
  return bytes;
}

const capacityOf = (moment, head) => Math.floor((poolsFrom(moment, head) * POOL_BYTES) / moment.blockBytes[moment.class[head]]);
/// Blocks that the program has: those in magazines are not its.
const heldBlocks = (moment, cell) => moment.live[cell] - moment.ready[cell];
const heldBytes = (moment, cell) => heldBlocks(moment, cell) * moment.blockBytes[moment.class[cell]];
/// As `strata explain` counts: at most a quarter of what the pool has room for is live.
const isPinned = (moment, cell) => moment.kind[cell] === Kind.Blocks && moment.live[cell] * 4 <= capacityOf(moment, cell);

/// How much of the memory of a pool of blocks, or of a span, the program's blocks fill, from 0 to 1.
function fill(moment, head) {
  const resident = residentFrom(moment, head);
  return resident === 0 ? 1 : Math.min(1, heldBytes(moment, head) / resident);
}

/// A row for each class that has pools: what is live, what is ready in magazines, what lies free beside both, and how few blocks keep how
/// many pools.
function classRows(moment) {
  const rows = new Map();
  for (let cell = 0; cell < moment.count; cell++) {
    if (moment.kind[cell] !== Kind.Blocks) continue;
    const key = moment.class[cell], resident = residentFrom(moment, cell), pools = poolsFrom(moment, cell);
    let row = rows.get(key);
    if (!row) {
      row = { class: key, size: moment.blockBytes[key], pools: 0, live: 0, ready: 0, free: 0, pinned: 0, by: 0, back: 0 };
      rows.set(key, row);
    }
    const kept = Math.min(resident, moment.live[cell] * row.size), live = Math.min(kept, heldBytes(moment, cell));
    row.pools += pools;
    row.live += live;
    row.ready += kept - live;
    row.free += resident - kept;
    if (isPinned(moment, cell)) {
      row.pinned += pools;
      row.by += moment.live[cell];
      row.back += resident;
    }
  }
  return [...rows.values()];
}

/// The pools that keep most memory for the fewest blocks: free bytes for each live block.
function worstPools(moment, count) {
  const found = [];
  for (let cell = 0; cell < moment.count; cell++) {
    if (!isPinned(moment, cell)) continue;
    const size = moment.blockBytes[moment.class[cell]], resident = residentFrom(moment, cell);
    const free = resident - Math.min(resident, moment.live[cell] * size);
    if (free > 0) found.push({ cell, size, free, live: heldBlocks(moment, cell), ready: moment.ready[cell], worth: free / Math.max(1, moment.live[cell]) });
  }
  return found.sort((one, other) => other.worth - one.worth).slice(0, count);
}

/// For each cell of each moment, the first moment since which it was seen in the same use.
function findSince(moments) {
  let before = new Map();
  moments.forEach((moment, number) => {
    const now = new Map();
    moment.since = new Uint16Array(moment.count);
    for (const tile of moment.tiles) {
      const old = before.get(tile.key);
      for (let index = 0; index < tile.cells; index++) {
        const cell = tile.first + index;
        const isSame = old && index < old.tile.cells && isSameUse(old.moment, old.tile.first + index, moment, cell);
        moment.since[cell] = isSame ? old.moment.since[old.tile.first + index] : number;
      }
      now.set(tile.key, { tile, moment });
    }
    before = now;
  });
}

const isSameUse = (old, was, moment, is) => {
  const free = (kind) => kind >= Kind.Clean && kind <= Kind.Lazy;
  const [one, other] = [old.kind[was], moment.kind[is]];
  return free(one) ? free(other) : one === other && old.class[was] === moment.class[is];
};

// As the command prints them: the tenth below, so that a page's numbers and its sentences agree.
const tenthBelow = (value) => Math.floor(value * 10 + 1e-9) / 10;

function bytesText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${unit === 0 ? bytes : bytes < 100 ? tenthBelow(bytes).toFixed(1) : Math.floor(bytes)} ${units[unit]}`;
}

/// The size of a block, as the command tells it.
const sizeText = (bytes) => `${bytes} B`;

const addressText = (address) => `0x${address.toString(16).replace(/(?<=.)(?=(?:.{4})+$)/g, "_")}`;
const countText = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
const percentText = (part, whole) => `${tenthBelow(whole ? (part / whole) * 100 : 0).toFixed(1)} %`;
