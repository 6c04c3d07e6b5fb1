/** Handing text to the reader: as a file, or through the clipboard. */

import { h } from "./dom";

export function saveText(name: string, text: string, type: string): void {
  // A blob's address may be downloaded under TensorBoard's content rules, though not fetched.
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { attrs: { href: address, download: name } });
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without a secure origin there is no clipboard; the older way still works there.
    const area = h("textarea", { class: "pk-offscreen", attrs: { "aria-hidden": "true" } });
    area.value = text;
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A file's name made of parts that come from a trace. */
export function fileName(parts: string[], ending: string): string {
  const plain = parts.filter(Boolean).map((part) => part.replace(/[^\w.-]+/g, "_").replace(/^[._]+/, "").slice(0, 60));
  return `${plain.filter(Boolean).join("-") || "profiler_kit"}.${ending}`;
}
