import assert from "node:assert/strict";
import { test } from "node:test";
import type { TimelineHead } from "../src/contract";
import { DamagedTimeline, decode, firstEndingAfter, lanesOf } from "../src/timeline/data";
import { hitOf } from "../src/timeline/hit";
import { slicesInView } from "../src/timeline/in_view";
import { Layout } from "../src/timeline/layout";
import { blend, pixelOf } from "../src/timeline/raster";
import { relatedTo } from "../src/timeline/related";
import { chainUp, Inverse } from "../src/timeline/relations";
import { Search } from "../src/timeline/search";
import { rulerStep, TimeWindow } from "../src/timeline/window";

/** A layer, an operator in it with an inner one, a launch inside that, and its kernel. */
function sample(): { head: TimelineHead; data: ArrayBuffer } {
  const start = [0, 10, 20, 30, 500];
  const duration = [300, 200, 100, 20, 400];
  const up = [-1, 0, 0, 2, 3];
  const data = new ArrayBuffer(176);
  new Float64Array(data, 0, 5).set(start);
  new Float64Array(data, 40, 5).set(duration);
  new Uint32Array(data, 80, 5).set([0, 1, 2, 3, 4]);
  new Int32Array(data, 104, 5).set(up);
  new Int32Array(data, 128, 5).set([-1, -1, -1, -1, -1]);
  new Uint8Array(data, 152, 5).set([0, 1, 1, 2, 3]);
  new Uint8Array(data, 160, 5).set([0, 0, 1, 2, 0]);
  const array = (name: string, dtype: string, offset: number) => ({ array: name, dtype, offset, length: 5 });
  const head: TimelineHead = {
    span_ns: 900, slices: 5, names: ["layer1", "aten::conv2d", "aten::_convolution", "cudaLaunchKernel", "winograd"],
    classes: ["layer", "operator", "launch", "conv"].map((id) => ({ id, title: id })),
    tracks: [{ title: "Layers", kind: "layers", first: 0, count: 1, depths: 1 }, { title: "thread 1", kind: "thread", first: 1, count: 3, depths: 3 }, { title: "Stream 7", kind: "stream", first: 4, count: 1, depths: 1 }],
    arrays: [array("start_ns", "float64", 0), array("duration_ns", "float64", 40), array("name", "uint32", 80), array("up", "int32", 104), array("made_by", "int32", 128), array("class", "uint8", 152), array("depth", "uint8", 160)],
  };
  return { head, data };
}

test("slices come apart into lanes by depth", () => {
  const { head, data } = sample();
  const slices = decode(head, data);
  const lanes = lanesOf(head.tracks[1]!, 1, slices);
  assert.deepEqual(lanes.map((lane) => [...lane.slice]), [[1], [2], [3]]);
  assert.deepEqual(lanes.map((lane) => lane.end[0]), [210, 120, 50]);
});

test("damaged data is refused, not read past its end", () => {
  const { head, data } = sample();
  assert.throws(() => decode(head, data.slice(0, 150)), DamagedTimeline);
  assert.throws(() => decode({ ...head, arrays: head.arrays.slice(1) }, data), DamagedTimeline);
  assert.throws(() => decode({ ...head, arrays: [{ array: "start_ns", dtype: "__proto__", offset: 0, length: 5 }] }, data), DamagedTimeline);
});

test("a kernel leads to its launch, operator and layer, and back", () => {
  const { head, data } = sample();
  const slices = decode(head, data);
  assert.deepEqual(chainUp(slices, 4), [4, 3, 2, 0]);
  const inverse = new Inverse(slices.up);
  assert.deepEqual([...inverse.of(0)], [1, 2]);
  assert.deepEqual([...inverse.of(3)], [4]);
  assert.deepEqual([...inverse.of(4)], []);
  slices.up[0] = 4;
  assert.deepEqual(chainUp(slices, 4), [4, 3, 2, 0], "a circle ends");
});

test("the pointer finds the slice under it, and the nearest within a few pixels", () => {
  const { head, data } = sample();
  const slices = decode(head, data);
  const layout = new Layout(head, slices);
  const window = new TimeWindow(900);
  window.width = 1000;
  window.set(0, 1000);
  const at = window.from;
  const perPixel = window.nsPerPixel;
  const stream = layout.tracks[2]!.lanes[0]!;
  assert.equal(hitOf(stream, window, (600 - at) / perPixel)?.slice, 4);
  assert.equal(hitOf(stream, window, (900 - at) / perPixel + 2)?.slice, 4);
  assert.equal(hitOf(stream, window, (900 - at) / perPixel + 9), null);
  assert.equal(layout.laneAt(layout.tracks[1]!.top + 1), layout.tracks[1]!.lanes[0]);
  layout.tracks[1]!.collapsed = true;
  layout.place();
  assert.equal(layout.laneAt(layout.tracks[2]!.top + 1), stream);
});

test("search finds names in any case, in the order of time", () => {
  const { head, data } = sample();
  const slices = decode(head, data);
  const search = new Search(slices, head.names.map((name) => name.toLowerCase()), "CONV");
  assert.deepEqual([...search.found], [1, 2]);
  const lane = lanesOf(head.tracks[1]!, 1, slices)[2]!;
  assert.equal(search.within(lane, 0, 1), false);
});

test("the table holds what the drawing shows", () => {
  const { head, data } = sample();
  const slices = decode(head, data);
  const layout = new Layout(head, slices);
  const window = new TimeWindow(900);
  window.set(100, 260);
  const rows = slicesInView(head, slices, layout, window).rows;
  assert.deepEqual(rows.map((row) => row[0]), ["layer1", "aten::conv2d", "aten::_convolution"]);
});

test("zooming keeps the time under the pointer; the window stays near the recording", () => {
  const window = new TimeWindow(1_000_000);
  window.width = 1000;
  window.set(200_000, 400_000);
  const before = window.time(250);
  window.zoom(0.5, 250);
  assert.ok(Math.abs(window.time(250) - before) < 1e-6);
  assert.ok(Math.abs(window.to - window.from - 100_000) < 1e-6);
  window.pan(1e9);
  assert.ok(window.from < 1_000_000);
  window.zoom(1e9, 500);
  assert.ok(window.to - window.from <= 1_040_001);
  window.zoom(1e-12, 500);
  assert.ok(window.to - window.from >= 19.999);
});

test("the first slice that ends after a time", () => {
  const end = Float64Array.of(10, 20, 30);
  assert.deepEqual([0, 10, 15, 30].map((time) => firstEndingAfter(end, time)), [0, 1, 1, 3]);
});

test("marks of the ruler are 1, 2 or 5 times a power of ten, far enough apart", () => {
  assert.equal(rulerStep(1, 100), 100);
  assert.equal(rulerStep(1.5, 100), 200);
  assert.equal(rulerStep(3, 100), 500);
  assert.equal(rulerStep(6, 100), 1000);
});

test("a selected kernel shows an arrow from its launch; what lies inside needs none", () => {
  const { head, data } = sample();
  const slices = decode(head, data);
  const effects = new Inverse(slices.up);
  const kernel = relatedTo(4, head, slices, effects);
  assert.deepEqual(kernel.arrows, [{ from: 3, to: 4, dashed: false }]);
  assert.deepEqual(kernel.related.sort(), [0, 2, 3]);
  assert.deepEqual(relatedTo(2, head, slices, effects).arrows, [{ from: 3, to: 4, dashed: false }]);
});

test("a colour over another goes from the one to the other, channel by channel", () => {
  const [white, blue] = [pixelOf("#ffffff"), pixelOf("#1f78b4")];
  assert.equal(blend(white, blue, 0), white);
  assert.equal(blend(white, blue, 1), blue);
  assert.equal(blend(pixelOf("#000000"), pixelOf("#804020"), 0.5), pixelOf("#402010"));
  assert.equal(blend(pixelOf("#204080"), pixelOf("#204080"), 0.3), pixelOf("#204080"));
});
