import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lane } from "../src/timeline/data";
import { coarser, FINEST_NS, type Level, Levels, sliceLevel, STEP } from "../src/timeline/levels";

/** A generator with a seed (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function lane(seed: number, count: number): Lane {
  const next = random(seed);
  const start = new Float64Array(count);
  const end = new Float64Array(count);
  let clock = 0;
  for (let at = 0; at < count; at += 1) {
    clock += Math.floor(next() ** 6 * 200_000);
    start[at] = clock;
    clock += Math.floor(next() ** 5 * 60_000);
    end[at] = clock;
  }
  return { track: 0, depth: 0, slice: Uint32Array.from({ length: count }, (_, at) => at), start, end };
}

interface Entry {
  slices: number[];
  start: number;
  end: number;
  longest: number;
  covered: number;
}

/** The definition, straight from the slices. */
function bruteForce(of: Lane, resolution: number): Entry[] {
  const entries: Entry[] = [];
  let bucket: number | null = null;
  const length = (at: number) => of.end[at]! - of.start[at]!;
  for (let at = 0; at < of.slice.length; at += 1) {
    const here: number | null = length(at) < resolution ? Math.floor(of.start[at]! / resolution) : null;
    const into = entries.at(-1);
    if (into && here !== null && here === bucket) {
      into.slices.push(at);
      into.end = Math.max(into.end, of.end[at]!);
      into.covered += length(at);
      if (length(at) > length(into.longest)) into.longest = at;
    } else entries.push({ slices: [at], start: of.start[at]!, end: of.end[at]!, longest: at, covered: length(at) });
    bucket = here;
  }
  return entries;
}

function entriesOf(level: Level): Entry[] {
  return Array.from({ length: level.entries }, (_, at) => {
    const first = level.first![at]!;
    return { slices: Array.from({ length: level.first![at + 1]! - first }, (_none, more) => first + more), start: level.start[at]!, end: level.end[at]!, longest: level.longest![at]!, covered: level.covered![at]! };
  });
}

test("every level equals the definition applied to the slices themselves", () => {
  for (const seed of [1, 2, 3]) {
    const given = lane(seed, 4000);
    let level = sliceLevel(given);
    for (let resolution = FINEST_NS; resolution < given.end.at(-1)! * STEP; resolution *= STEP) {
      level = coarser(given, level, resolution);
      assert.deepEqual(entriesOf(level), bruteForce(given, resolution), `seed ${seed}, ${resolution} ns`);
    }
    assert.equal(level.entries, 1);
  }
});

test("no slice is lost or drawn twice, and few entries are left", () => {
  const given = lane(9, 20_000);
  const pixels = 1000;
  const levels = new Levels(given);
  const level = levels.at(given.end.at(-1)! / pixels);
  const total = entriesOf(level).reduce((sum, entry) => sum + entry.slices.length, 0);
  assert.equal(total, 20_000);
  // At most two entries a bucket of a quarter pixel: one merged, and one that reaches over its end.
  assert.ok(level.entries <= 2 * STEP * pixels + 1, `${level.entries}`);
  assert.equal(levels.at(1).resolution, 0);
  assert.equal(levels.at(given.end.at(-1)! / pixels), level);
});

test("levels made beforehand hold every slice, and hardly more entries than the definition asks for", () => {
  const given = lane(5, 5000);
  const widest = given.end.at(-1)! / 1000;
  const levels = new Levels(given);
  let pieces = 0;
  while (levels.prepare(widest)) pieces += 1;
  assert.ok(pieces > 3 && pieces < 20, `${pieces}`);
  for (let resolution = FINEST_NS; resolution <= widest; resolution *= STEP) {
    const level = levels.at(resolution);
    const held = level.first ? level.first[level.entries]! : level.entries;
    assert.equal(held, 5000);
    assert.ok(level.resolution <= resolution);
    assert.ok(level.entries <= bruteForce(given, resolution).length / 0.9, `${level.entries} at ${resolution} ns`);
  }
});
