import assert from "node:assert/strict";
import { test } from "node:test";
import { closedParts } from "../src/blocks/breakdown";
import { tableOf } from "../src/blocks/chart";
import { factorTicks, waterfallBars } from "../src/charts/waterfall";
import { inkOn, luminance, mix } from "../src/palette";
import { fileName } from "../src/save";

test("a breakdown shows what its parts leave of the total", () => {
  const block = (values: number[]) => ({ type: "breakdown" as const, id: "b", unit: "ns", total: 100, parts: values.map((value) => ({ label: "x", value })) });
  assert.equal(closedParts(block([60, 40])).length, 2);
  assert.deepEqual(closedParts(block([60, 30])).at(-1), { label: "not attributed", value: 10, color_class: "unattributed" });
  assert.equal(closedParts(block([80, 30])).at(-1)?.label, "counted more than once");
});

test("a waterfall adds amounts and multiplies factors", () => {
  const sums = waterfallBars([["dense", 10, "total"], ["layout", 5], ["faster", -3], ["conv", 12, "total"]], undefined, false);
  assert.deepEqual(sums.map(({ from, to }) => [from, to]), [[0, 10], [10, 15], [15, 12], [0, 12]]);
  const factors = waterfallBars([[0, 2], [1, 3], ["all", 6, "total"]], ["FLOPs", "rate"], true);
  assert.deepEqual(factors.map(({ label, from, to }) => [label, from, to]), [["FLOPs", 1, 2], ["rate", 2, 6], ["all", 1, 6]]);
});

test("the table behind a chart has every point", () => {
  const table = tableOf({ type: "chart", id: "c", kind: "bar", x: { title: "step", categories: ["6", "7"] }, y: { title: "time", kind: "duration" }, series: [{ name: "host", points: [[0, 10], [1, null]] }] });
  assert.deepEqual(table.rows, [["host", "6", 10, null], ["host", "7", null, null]]);
  assert.deepEqual(table.columns.map((column) => column.kind), ["text", "text", "duration"]);
});

test("text stays readable on its colour (WCAG 2.2 contrast of large text and graphics)", () => {
  assert.equal(luminance("#ffffff"), 1);
  assert.equal(luminance("#000000"), 0);
  const contrast = (a: string, b: string) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
  for (const colour of ["#1f78b4", "#e69f00", "#12906c", "#d55e00", "#d9c62b", "#4a9fdd", "#3f7f6b"]) {
    assert.ok(contrast(inkOn(colour), colour) >= 3, `${colour} ${contrast(inkOn(colour), colour)}`);
  }
  assert.equal(mix("#000000", "#ffffff", 0.5), "#808080");
});

test("names of downloads stay inside their folder", () => {
  assert.equal(fileName(["../../etc/passwd", "a b"], "csv"), "etc_passwd-a_b.csv");
  assert.equal(fileName(["..", ""], "csv"), "profiler_kit.csv");
});

test("marks of factors are round, few, and lie around what is drawn", () => {
  const factors = (low: number, high: number) => factorTicks(Math.log2(low), Math.log2(high)).map((power) => Number((2 ** power).toPrecision(6)));
  assert.deepEqual(factors(1, 15.6), [1, 2, 4, 8, 16]);
  assert.deepEqual(factors(0.995, 15.6), [1, 2, 4, 8, 16]);
  assert.deepEqual(factors(0.98, 2.76), [0.75, 1, 1.5, 2, 3]);
  assert.deepEqual(factors(1, 2.01), [1, 1.2, 1.4, 1.6, 1.8, 2, 2.4]);
  assert.deepEqual(factors(0.005, 900), [1 / 512, 1 / 64, 1 / 8, 1, 8, 64, 512, 4096].map((factor) => Number(factor.toPrecision(6))));
  assert.deepEqual(factors(1, 1), [1, 1.2]);
});
