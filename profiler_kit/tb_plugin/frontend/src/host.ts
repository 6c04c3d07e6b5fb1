/** The page around this one: TensorBoard's (this page is an iframe of it), or none. */

import { PLUGIN } from "./state";

export interface Host {
  readonly embedded: boolean;
  hash(): string;
  /** Put a state into the address; `entry` makes a step that the browser's Back button undoes. */
  setHash(hash: string, entry: boolean): void;
  onHash(listener: () => void): void;
  dark(): boolean;
  onDark(listener: () => void): void;
  onReload(listener: () => void): void;
}

/** TensorBoard's window, or null where this page stands alone or may not look at it. */
function tensorboard(): Window | null {
  try {
    if (window.parent === window) return null;
    return window.parent.document.body && window.parent.location.href ? window.parent : null;
  } catch {
    return null;
  }
}

const THEME = "profiler-kit-theme";

function storedTheme(): string | null {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

function ownHost(target: Window): Omit<Host, "embedded" | "dark" | "onDark" | "onReload"> {
  return {
    hash: () => target.location.hash,
    setHash: (hash, entry) => {
      if (target.location.hash === hash) return;
      const address = target.location.pathname + target.location.search + hash;
      try {
        if (entry) target.history.pushState(target.history.state, "", address);
        else target.history.replaceState(target.history.state, "", address);
      } catch {
        // Browsers limit how often the address may change, and some forbid it for files; the page works without.
      }
    },
    onHash: (listener) => {
      target.addEventListener("hashchange", listener);
      target.addEventListener("popstate", listener);
    },
  };
}

function darkByBrowser(): MediaQueryList {
  return window.matchMedia("(prefers-color-scheme: dark)");
}

function standaloneHost(): Host {
  const query = darkByBrowser();
  return {
    embedded: false,
    ...ownHost(window),
    dark: () => (storedTheme() ? storedTheme() === "dark" : query.matches),
    onDark: (listener) => query.addEventListener("change", listener),
    onReload: () => undefined,
  };
}

/** Remember the reader's choice between light and dark, where the browser lets us. */
export function chooseTheme(dark: boolean): void {
  try {
    localStorage.setItem(THEME, dark ? "dark" : "light");
  } catch {
    // Without storage the choice lasts until the page is closed.
  }
}

function tensorboardHost(parent: Window): Host {
  const own = ownHost(parent);
  const ours = () => parent.location.hash.replace(/^#/, "").split("&")[0] === PLUGIN;
  return {
    embedded: true,
    hash: () => (ours() ? own.hash() : ""),
    setHash: (hash, entry) => {
      // While another tab is in front, the address is that tab's.
      if (ours()) own.setHash(hash, entry);
    },
    onHash: (listener) => own.onHash(() => ours() && listener()),
    dark: () => parent.document.body.classList.contains("dark-mode"),
    onDark: (listener) => {
      new MutationObserver(listener).observe(parent.document.body, { attributes: true, attributeFilter: ["class"] });
    },
    onReload: (listener) => listenForReload(parent, listener),
  };
}

/** TensorBoard tells plugins through a port that they hand it; each message wants an answer. */
function listenForReload(parent: Window, listener: () => void): void {
  const channel = new MessageChannel();
  channel.port1.onmessage = (event: MessageEvent<string>) => {
    const message = JSON.parse(event.data) as { type: string; id: number; isReply: boolean };
    if (message.isReply) return;
    channel.port1.postMessage(JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }));
    if (message.type === "experimental.DataReloaded") listener();
  };
  parent.postMessage("experimental.bootstrap", parent.location.origin, [channel.port2]);
}

export function findHost(): Host {
  const parent = tensorboard();
  return parent ? tensorboardHost(parent) : standaloneHost();
}
