import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyState, fromHash, KEYS, type State, toHash, zoomRange, zoomText } from "../src/state";

test("a state comes back from its hash, whatever its texts hold", () => {
  const hard = ["a&b=c#d", "%zz", "\u00e4 \u4f60 \ud83d\ude00", "a/b\\c", "<script>", "=+", "\u202e"];
  for (const text of hard) {
    const state = Object.fromEntries(KEYS.map((key, place) => [key, `${text}${place}`])) as unknown as State;
    assert.deepEqual(fromHash(toHash(state)), state);
  }
  assert.deepEqual(fromHash(toHash(emptyState())), emptyState());
});

test("other tabs' hashes and damaged ones do no harm", () => {
  assert.equal(fromHash("#scalars"), null);
  assert.deepEqual(fromHash(""), emptyState());
  const state = fromHash("#profiler_kit&view=layers&nonsense&sel=%E0%A4%A&__proto__=1&q=x");
  assert.equal(state?.view, "layers");
  assert.equal(state?.sel, "");
  assert.equal(state?.q, "x");
});

test("a range of the clock is whole nanoseconds, also before zero", () => {
  assert.deepEqual(zoomRange(zoomText(-162888.4, 8307303.6)), [-162888, 8307304]);
  assert.equal(zoomRange("5-5"), null);
  assert.equal(zoomRange("1e3-2e3"), null);
  assert.equal(zoomRange(""), null);
});
