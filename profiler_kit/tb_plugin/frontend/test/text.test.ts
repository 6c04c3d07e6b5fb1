import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, shortName, shown, visible } from "../src/text";

test("what cannot be seen is shown", () => {
  assert.equal(visible("a\u0000b\nc\u001b[31m"), "a\u2400b\u240ac\u241b[31m");
  assert.equal(visible("user\u202egnp.exe"), "user\u27e8U+202E\u27e9gnp.exe");
  assert.equal(visible("\u2066x\u2069\u200b\ufeff"), "\u27e8U+2066\u27e9x\u27e8U+2069\u27e9\u27e8U+200B\u27e9\u27e8U+FEFF\u27e9");
  assert.equal(visible("\u007f\u0085"), "\u2421\u27e8U+0085\u27e9");
  assert.equal(visible("\ud83d\ude00 \u4f60\u00e4"), "\ud83d\ude00 \u4f60\u00e4");
  assert.equal(visible("x\ud83dy"), "x\u27e8U+D83D\u27e9y");
});

test("long texts keep both ends", () => {
  const text = `begin${"x".repeat(1_000_000)}end`;
  assert.equal(cut(text, 100).length, 100);
  assert.ok(cut(text, 100).startsWith("begin") && cut(text, 100).endsWith("end"));
  assert.ok(shown(text).length <= 400);
  assert.equal(cut("short", 100), "short");
});

test("short names keep what tells kernels apart", () => {
  assert.equal(shortName("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float> >(int, float)"), "at::native::vectorized_elementwise_kernel<\u2026>");
  assert.equal(shortName("aten::conv2d"), "aten::conv2d");
  assert.equal(shortName("sm80_xmma_fprop_kernel"), "sm80_xmma_fprop_kernel");
  assert.equal(shortName("<string>(1): <module>"), "<string>(1): <module>");
  assert.equal(shortName("Memcpy HtoD (Pageable -> Device)"), "Memcpy HtoD");
  assert.ok(shortName("<".repeat(1_000_000)).length <= 200);
});
