import assert from "node:assert/strict";
import { test } from "node:test";
import { TableModel } from "../src/blocks/table_model";
import { ROW_HEIGHT, rowAt, rowTops } from "../src/blocks/virtual_rows";
import type { Cell, TableBlock } from "../src/contract";

function block(rows: Cell[][], parent?: number[]): TableBlock {
  return { type: "table", id: "t", columns: [{ key: "name", title: "name", kind: "text" }, { key: "ns", title: "time", kind: "duration" }], rows, ...(parent ? { tree: { parent } } : {}) };
}

const names = (model: TableModel) => model.shown().map(({ row }) => model.block.rows[row]![0]);

test("numbers sort by value from the largest, texts naturally; unknown stays last both ways", () => {
  const model = new TableModel(block([["layer10", 5], ["layer2", null], ["layer1", 70]]));
  model.sortBy(1, true);
  assert.deepEqual(names(model), ["layer1", "layer10", "layer2"]);
  model.sortBy(1, true);
  assert.deepEqual(names(model), ["layer10", "layer1", "layer2"]);
  model.sortBy(1, true);
  assert.equal(model.sort, null);
  model.sortBy(0, false);
  assert.deepEqual(names(model), ["layer1", "layer2", "layer10"]);
});

test("without sorting, rows keep their order, however often they are asked for", () => {
  const model = new TableModel(block([["model", 1], ["z", 3], ["a", 2]], [-1, 0, 0]));
  for (let time = 0; time < 3; time += 1) assert.deepEqual(names(model), ["model", "z", "a"]);
});

test("all words of a filter must occur, those after a minus must not", () => {
  const model = new TableModel(block([["aten::conv2d backward", 1], ["aten::conv2d", 2], ["aten::mm", 3]]));
  model.filter = "CONV aten";
  assert.deepEqual(names(model), ["aten::conv2d backward", "aten::conv2d"]);
  model.filter = "conv -backward";
  assert.deepEqual(names(model), ["aten::conv2d"]);
});

test("a tree sorts among siblings, closes, and keeps the way to a match", () => {
  const model = new TableModel(block([["model", 10], ["a", 1], ["a.x", 7], ["b", 9], ["b.x", 2], ["b.y", 4]], [-1, 0, 1, 0, 3, 3]));
  model.sortBy(1, true);
  assert.deepEqual(names(model), ["model", "b", "b.y", "b.x", "a", "a.x"]);
  assert.deepEqual(model.shown().map(({ level }) => level), [0, 1, 2, 2, 1, 2]);
  model.toggle(3);
  assert.deepEqual(names(model), ["model", "b", "a", "a.x"]);
  model.filter = "b.x";
  assert.deepEqual(names(model), ["model", "b", "b.x"]);
  model.setAll(false);
  model.filter = "";
  assert.deepEqual(names(model), ["model"]);
  model.reveal(4);
  assert.deepEqual(names(model), ["model", "b", "b.y", "b.x", "a"]);
});

test("a tree of 100,000 levels does not exhaust the stack", () => {
  const rows = Array.from({ length: 100_000 }, (_, row): Cell[] => [`m${row}`, row]);
  const model = new TableModel(block(rows, rows.map((_, row) => row - 1)));
  model.setAll(true);
  assert.equal(model.shown().length, 100_000);
});

test("rows are found by height, also below opened panels", () => {
  const tops = rowTops(5, (row) => (row === 1 ? 100 : 0));
  assert.deepEqual([...tops], [0, 28, 156, 184, 212, 240]);
  assert.equal(rowAt(tops, 0), 0);
  assert.equal(rowAt(tops, ROW_HEIGHT + 60), 1);
  assert.equal(rowAt(tops, 156), 2);
  assert.equal(rowAt(tops, 10_000), 4);
  assert.equal(rowAt(rowTops(0, () => 0), 50), 0);
});
