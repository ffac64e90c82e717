// From the snapshots in the page to columns of numbers: reads what `inspect/cells.rs` packs.
//
// A *cell* is 64 KiB: a pool of an arena, or a part of a huge block. A *tile* is 64 cells: an arena, or 4 MiB of a huge block.

const POOLS = 64, POOL_BYTES = 65536, PAGE_BYTES = 4096, TILE_BYTES = POOLS * POOL_BYTES;
const Kind = { Metadata: 0, Clean: 1, Kept: 2, Due: 3, Lazy: 4, Claimed: 5, Blocks: 6, Run: 7, RunGoesOn: 8, Huge: 9, HugeKept: 10 };
const Tenure = { Owned: 1, Unowned: 2, Published: 3 };

async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

/// The columns of one allocator.
async function unpack(map) {
  const bytes = await inflate(map.columns);
  let at = 0;
  const take = (count, Numbers) => {
    const end = at + count * Numbers.BYTES_PER_ELEMENT;
    if (end > bytes.length) throw new Error("a snapshot's map is cut short");
    const column = new Numbers(bytes.slice(at, end).buffer);
    at = end;
    return column;
  };
  const arenas = map.arenas, pools = arenas * POOLS;
  const cells = map.ranges.reduce((sum, range) => sum + Math.ceil(range.bytes / POOL_BYTES), 0);
  const columns = {
    starts: Array.from(take(arenas, BigUint64Array), Number), pinned: take(arenas, Uint8Array),
    kinds: take(pools, Uint8Array), classes: take(pools, Uint8Array), keeping: take(pools, Uint8Array),
    live: take(pools, Uint16Array), ready: take(pools, Uint16Array), carved: take(pools, Uint16Array),
    pages: take(pools, Uint16Array), holes: take(pools, Uint16Array), takers: take(pools, Uint16Array),
    huge: take(cells, Uint8Array),
  };
  if (at !== bytes.length) throw new Error("a snapshot's map is too long");
  return columns;
}

/// A snapshot as one moment: the cells of all its allocators behind each other, those of huge blocks last.
async function momentOf(snapshot) {
  const heaps = await Promise.all(snapshot.heaps.map((heap) => unpack(heap.map)));
  const count = heaps.reduce((sum, heap) => sum + heap.kinds.length + heap.huge.length, 0);
  const moment = {
    snapshot, count, tiles: [], holders: [{ thread: -1, name: "" }], blockBytes: snapshot.heaps[0].map.block_bytes,
    kind: new Uint8Array(count), class: new Uint8Array(count), keeping: new Uint8Array(count), pinned: new Uint8Array(count),
    live: new Uint16Array(count), ready: new Uint16Array(count), carved: new Uint16Array(count), pages: new Uint16Array(count),
    holes: new Uint16Array(count), taker: new Uint16Array(count),
  };
  let first = 0;
  heaps.forEach((heap, number) => { first = addArenas(moment, heap, snapshot.heaps[number].map, number, first); });
  heaps.forEach((heap, number) => { first = addRanges(moment, heap, snapshot.heaps[number].map.ranges, number, first); });
  return moment;
}

function addArenas(moment, heap, map, number, first) {
  const base = moment.holders.length - 1, pools = heap.kinds.length;
  moment.holders.push(...map.holders);
  for (const [to, from] of [["kind", "kinds"], ["class", "classes"], ["keeping", "keeping"], ["live", "live"], ["ready", "ready"],
    ["carved", "carved"], ["pages", "pages"], ["holes", "holes"]]) moment[to].set(heap[from], first);
  for (let pool = 0; pool < pools; pool++) {
    if (heap.takers[pool]) moment.taker[first + pool] = heap.takers[pool] + base;
    moment.pinned[first + pool] = heap.pinned[pool >> 6];
  }
  heap.starts.forEach((start, arena) => {
    moment.tiles.push({ group: `arenas ${number}`, key: `${number} ${start}`, start, first: first + arena * POOLS, cells: POOLS });
  });
  return first + pools;
}

function addRanges(moment, heap, ranges, number, first) {
  let at = 0;
  for (const range of ranges) {
    const cells = Math.ceil(range.bytes / POOL_BYTES);
    for (let cell = 0; cell < cells; cell++, at++) {
      const byte = heap.huge[at], pages = byte & 31;
      moment.kind[first + at] = range.is_free ? Kind.HugeKept : Kind.Huge;
      moment.pages[first + at] = pages >= 16 ? 0xffff : (1 << pages) - 1;
      moment.keeping[first + at] = byte & 128 ? 16 : 0;
    }
    for (let tile = 0; tile * POOLS < cells; tile++) {
      const start = range.start + tile * TILE_BYTES;
      moment.tiles.push({
        group: `${range.is_free ? "kept" : "huge"} ${number}`, key: `${range.is_free} ${start}`, start, range,
        first: first + at - cells + tile * POOLS, cells: Math.min(POOLS, cells - tile * POOLS),
      });
    }
  }
  return first + at;
}
