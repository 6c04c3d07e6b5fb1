import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, factor, largestOf, unitOf, withUnit, write } from "../src/quantities";

test("a column's unit leaves its largest value one to three digits before the point", () => {
  assert.deepEqual(unitOf("duration", 999), { divisor: 1, name: "ns" });
  assert.deepEqual(unitOf("duration", 1000), { divisor: 1e3, name: "\u00b5s" });
  assert.deepEqual(unitOf("duration", 7_559_844), { divisor: 1e6, name: "ms" });
  assert.deepEqual(unitOf("duration", 0), { divisor: 1, name: "ns" });
  assert.deepEqual(unitOf("bytes", 4_029_922), { divisor: 1e6, name: "MB" });
  assert.deepEqual(unitOf("count", 1e9), { divisor: 1, name: "" });
});

test("numbers are written as the text report writes them", () => {
  const ms = unitOf("duration", 7_559_844);
  assert.equal(write("duration", 7_559_844, ms), "7.560");
  assert.equal(write("duration", 0, ms), "0.000");
  assert.equal(write("duration", 400, ms), "<0.001");
  assert.equal(write("duration", -400, ms), ">-0.001");
  assert.equal(write("duration", 600, ms), "0.001");
  assert.equal(write("ratio", 1.625), "1.62 \u00d7", "a half goes to the even figure, as in Python");
  assert.equal(factor(1.625), "1.62\u00d7");
  assert.equal(factor(15.587), "15.6\u00d7");
  assert.equal(write("duration", 129, unitOf("duration", 129)), "129");
  assert.equal(write("count", 1258), "1,258");
  assert.equal(write("count", 1.75), "1.8");
  assert.equal(write("count", 0.2), "0.2");
  assert.equal(write("share", 0.8379), "83.8%");
  assert.equal(write("ratio", 1.234), "1.23 \u00d7");
  assert.equal(write("ratio", 0.0123), "0.012 \u00d7");
  assert.equal(withUnit("flops_per_s", 7_136_000_000_000), "7.14 TFLOP/s");
  assert.equal(withUnit("duration", 129_600), "129.600 \u00b5s");
});

test("what is not known is a dash, not zero", () => {
  assert.equal(write("duration", null), "\u2013");
  assert.equal(write("share", Number.NaN), "\u2013");
  assert.equal(withUnit("bytes", undefined), "\u2013");
  assert.equal(largestOf([null, -3, "9", 2, undefined]), 3);
});

test("axes carry few digits", () => {
  assert.equal(brief("duration", 2_500_000), "2.5 ms");
  assert.equal(brief("duration", 0), "0");
  assert.equal(brief("share", 0.25), "25%");
  assert.equal(brief(undefined, 1000), "1,000");
});
