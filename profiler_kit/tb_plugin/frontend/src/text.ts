/** Names from traces are hostile until shown: control characters become visible, length is bounded, direction isolated. */

import { button, h } from "./dom";

const MOST_SHOWN = 400;
const MOST_IN_TITLE = 2000;

/** C0, C1, zero-width and bidirectional controls, line separators, and halves of surrogate pairs. */
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function pictured(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** Make what cannot be seen visible. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, pictured);
}

/** Cut the middle out of a long text, so that both ends can be told apart. */
export function cut(text: string, most: number = MOST_SHOWN): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) * 0.65);
  return `${text.slice(0, head)}\u2026${text.slice(text.length - (most - 1 - head))}`;
}

/** What a cell or a label shows of a text. */
export function shown(text: string, most: number = MOST_SHOWN): string {
  return visible(cut(text, most));
}

/** A text from a trace as an element of its own direction; the whole of it, up to a bound, is in the tooltip. */
export function textNode(text: string, most: number = MOST_SHOWN, tooltip = true): HTMLElement {
  const title = tooltip ? visible(cut(text, MOST_IN_TITLE)) : undefined;
  return h("bdi", { class: "pk-text", attrs: { dir: "auto", title } }, shown(text, most));
}

/** A text that can be long: cut at first, whole on demand. */
export function longText(text: string, most: number = MOST_SHOWN): HTMLElement {
  const holder = h("span", "pk-long");
  const body = textNode(text, most, false);
  holder.appendChild(body);
  if (text.length > most) {
    const more = button(`show all ${text.length.toLocaleString("en-US")} characters`, () => {
      body.textContent = visible(text);
      more.remove();
    }, { class: "pk-link" });
    holder.append(" ", more);
  }
  return holder;
}

/** A kernel's or operator's name without what makes it long: return type, arguments, template arguments. */
export function shortName(name: string): string {
  const start = name.slice(0, 2000).replace(/^void\s+/, "");
  if (!/[<(]/.test(start) || start.startsWith("<") || start.startsWith("(")) return start.slice(0, 200);
  let depth = 0;
  let out = "";
  for (const character of start) {
    if (character === "<" || character === "(") {
      if (depth === 0 && character === "(" && !/anonymous/.test(start.slice(out.length, out.length + 12))) break;
      if (depth === 0 && character === "<") out += "<\u2026>";
      depth += 1;
    } else if ((character === ">" || character === ")") && depth > 0) depth -= 1;
    else if (depth === 0) out += character;
    if (out.length > 200) break;
  }
  return out.trim() || start.slice(0, 200);
}
