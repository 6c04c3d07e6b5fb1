import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunFile } from "../src/contract";
import { defaultFile, fileLabel, timeText } from "../src/files";

const file = (name: string, modified: number, more: Partial<RunFile> = {}): RunFile => ({ file: name, worker: "demo", rank: null, modified, state: "unread", ...more });

test("the newest file of a run is shown first", () => {
  assert.equal(defaultFile([file("a", 10), file("b", 30), file("c", 20)]), "b");
  assert.equal(defaultFile([file("a", 10), file("b", 30, { state: "failed" }), file("c", 20)]), "c");
  assert.equal(defaultFile([file("a", 10, { state: "failed" }), file("b", 30, { state: "failed" })]), "b");
  assert.equal(defaultFile([file("a", 0), file("b", 0)]), "b");
  assert.equal(defaultFile([]), "");
});

test("of ranks that were written one after another, the first rank is shown first", () => {
  const ranks = [file("old0", 1, { rank: 0 }), file("r0", 10, { rank: 0 }), file("r1", 12, { rank: 1 })];
  assert.equal(defaultFile(ranks), "r0");
});

test("files of one worker are told apart by their time", () => {
  const noon = new Date(2026, 10, 5, 12, 3, 4).getTime() / 1000;
  assert.equal(timeText(noon), "2026-11-05 12:03:04");
  const labels = [file("a", noon), file("b", noon + 1)].map(fileLabel);
  assert.deepEqual(labels, ["demo \u00b7 2026-11-05 12:03:04", "demo \u00b7 2026-11-05 12:03:05"]);
  assert.equal(fileLabel(file("a", 0, { rank: 1, bytes: 2000 })).startsWith("rank 1 \u00b7 demo \u00b7 2"), true);
});
