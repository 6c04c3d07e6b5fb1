/** Widths of texts as the page will draw them. */

let context: CanvasRenderingContext2D | null = null;

/** Width in pixels in the page's own font; `mono` for the fixed-width one. */
export function textWidth(text: string, mono = false): number {
  context ??= document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 7;
  const style = getComputedStyle(document.body);
  context.font = mono ? `12px ${style.getPropertyValue("--mono")}` : `${style.fontSize} ${style.fontFamily}`;
  return context.measureText(text).width;
}
