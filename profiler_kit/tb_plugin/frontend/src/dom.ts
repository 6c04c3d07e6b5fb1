/** Elements without HTML strings: whatever comes from a trace ends up as text, never as markup. */

export type Child = Node | string | null | undefined | false;

type Handlers = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

export interface Props {
  class?: string;
  /** Attributes; false and undefined leave one out, true sets it empty. */
  attrs?: Record<string, string | number | boolean | undefined>;
  on?: Handlers;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props | string = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: classes, attrs, on } = typeof props === "string" ? { class: props } as Props : props;
  if (classes) element.className = classes;
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, handler] of Object.entries(on ?? {})) {
    element.addEventListener(name, handler as EventListener);
  }
  add(element, ...children);
  return element;
}

export function add(parent: Node, ...children: Child[]): void {
  for (const child of children) if (child) parent.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  add(parent, ...children);
}

export function button(label: string, onClick: () => void, props: Props = {}): HTMLButtonElement {
  const merged: Props = { ...props, attrs: { type: "button", ...props.attrs }, on: { click: onClick, ...props.on } };
  return h("button", merged, label);
}

/** Icons are drawn here, as paths of a 16 × 16 grid. */
const ICONS = {
  sort: "M5 6l3-3 3 3M5 10l3 3 3-3",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  left: "M10 4l-4 4 4 4",
  download: "M8 2v8M4.5 7L8 10.5 11.5 7M3 13.5h10",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  search: "M7 12A5 5 0 107 2a5 5 0 000 10zM10.5 10.5L14 14",
  moon: "M13 9.5A5.5 5.5 0 116.5 3 4.3 4.3 0 0013 9.5z",
  table: "M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 6.5v6",
  close: "M4 4l8 8M12 4l-8 8",
  fit: "M2 8h12M2 5v6M14 5v6M5 6L3 8l2 2M11 6l2 2-2 2",
  info: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 7.2v4M8 4.8v.6",
  hint: "M6 13h4M6.5 11V9.6a4 4 0 113 0V11z",
  warning: "M8 2.5L14.2 13H1.8zM8 6.5v3M8 11v.6",
  external: "M9 2.5h4.5V7M13.5 2.5L7.5 8.5M11.5 9.5v4h-9v-9h4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "pk-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.appendChild(path);
  return svg;
}

export function iconButton(name: IconName, label: string, onClick: () => void, props: Props = {}): HTMLButtonElement {
  const made = button("", onClick, {
    ...props,
    class: `pk-icon-button ${props.class ?? ""}`.trim(),
    attrs: { "aria-label": label, title: label, ...props.attrs },
  });
  made.appendChild(icon(name));
  return made;
}
