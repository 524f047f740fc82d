// Which key does what. Keys are named by their place on the keyboard (event.code), so that a Cyrillic or
// Hebrew layout changes nothing; `Mod` is Ctrl, and the command key on a Mac. What a layout or an input
// method needs to type letters is never taken: composition, AltGr, Ctrl+Alt, Alt with a letter.

import { NAMES, type Command, type Place } from "./commands";
import { DEFAULT, PRESETS, type Bindings } from "./presets";

export interface Stroke {
  code: string;
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  isComposing: boolean;
  getModifierState(name: string): boolean;
}

const MODIFIERS = /^(Control|Shift|Alt|Meta|OS)(Left|Right)?$|^CapsLock$|^Fn/;
/** Characters that are found by what they type: where they lie differs from layout to layout. */
const BY_CHARACTER = new Set(["?", "/", "["]);

/** Name a key stroke; null for what must be left to the layout or the input method. */
export function chordOf(stroke: Stroke, mac = false): string | null {
  if (stroke.isComposing || stroke.key === "Process" || stroke.key === "Dead") return null;
  if (stroke.getModifierState("AltGraph") || MODIFIERS.test(stroke.code) || stroke.code === "") return null;
  const mod = mac ? stroke.metaKey : stroke.ctrlKey;
  const other = mac ? stroke.ctrlKey : stroke.metaKey;
  if (stroke.altKey && (mod || other)) return null;
  if (!mod && !other && !stroke.altKey && BY_CHARACTER.has(stroke.key)) return stroke.key;
  const code = stroke.code === "NumpadEnter" ? "Enter" : stroke.code;
  return [mod && "Mod", other && (mac ? "Ctrl" : "Meta"), stroke.altKey && "Alt", stroke.shiftKey && "Shift", code].filter(Boolean).join("+");
}

/** Say why a chord may not be bound in a place; empty when it may. */
export function refusal(chord: string, place: Place): string {
  const parts = chord.split("+");
  const code = parts.at(-1) ?? "";
  const plain = !parts.includes("Mod") && !parts.includes("Ctrl") && !parts.includes("Meta");
  if (/^(F5|F11|F12)$/.test(code) || (parts.includes("Mod") && /^Key[WTNRL]$/.test(code) && parts.length === 2)) return "The browser keeps this key for itself.";
  if (place === "box" && code === "Tab") return "Tab moves on; whether it plays instead is a setting of its own.";
  const types = /^(Key|Digit|Numpad)|^(Space|Minus|Equal|Comma|Period|Slash|Semicolon|Quote|Bracket|Backslash|Backquote|Intl)/.test(code) || parts.length === 1 && code.length === 1;
  if (place === "box" && plain && types) return "In the text this key types a letter; use it with Ctrl, or a function key.";
  if (place === "box" && plain && /^(Backspace|Delete|Arrow(Left|Right|Up|Down)|Home|End|Page(Up|Down))$/.test(code) && !parts.includes("Alt")) return "In the text this key edits.";
  return "";
}

export class Keymap {
  private readonly box = new Map<string, Command>();
  private readonly list = new Map<string, Command>();

  constructor(readonly bindings: Bindings) {
    for (const name of NAMES) {
      for (const chord of bindings[name]?.box ?? []) if (!this.box.has(chord)) this.box.set(chord, name);
      for (const chord of bindings[name]?.list ?? []) if (!this.list.has(chord)) this.list.set(chord, name);
    }
  }

  find(chord: string | null, place: Place): Command | null {
    if (chord === null) return null;
    return (place === "box" ? this.box : this.list).get(chord) ?? null;
  }

  /** The chords of a command in a place, as they are stored. */
  of(command: Command, place: Place): readonly string[] {
    return this.bindings[command]?.[place] ?? [];
  }
}

/** A preset with a person's own changes on top. */
export function bindings(preset: string, own: Bindings = {}): Bindings {
  const merged: Bindings = {};
  for (const name of NAMES) {
    merged[name] = { ...DEFAULT[name], ...PRESETS[preset]?.bindings[name], ...own[name] };
  }
  return merged;
}

/** Bind a chord; returns the own changes, or the words of the refusal. A double-bound key is refused. */
export function bind(preset: string, own: Bindings, command: Command, place: Place, chords: string[]): Bindings | string {
  const all = bindings(preset, own);
  for (const chord of chords) {
    const why = refusal(chord, place);
    if (why) return why;
    const holder = NAMES.find((name) => name !== command && all[name]?.[place]?.includes(chord));
    if (holder !== undefined) return holder;
  }
  return { ...own, [command]: { ...own[command], [place]: chords } };
}

/** Chords that two commands claim in one place: none in what is shipped, and none that `bind` lets in. */
export function doubles(all: Bindings): string[] {
  const found: string[] = [];
  for (const place of ["box", "list"] as const) {
    const seen = new Set<string>();
    for (const name of NAMES) {
      for (const chord of all[name]?.[place] ?? []) {
        if (seen.has(chord)) found.push(`${place}:${chord}`);
        seen.add(chord);
      }
    }
  }
  return found;
}

const NAMED: Record<string, string> = {
  Space: "Space", Enter: "Enter", Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Backspace: "⌫", Comma: ",", Period: ".",
  BracketLeft: "[", BracketRight: "]", Minus: "-", Equal: "=", Semicolon: ";", Quote: "'", Slash: "/", Backslash: "\\", Backquote: "`", PageUp: "PgUp", PageDown: "PgDn",
};

/** Write a chord as its keys; `layout` gives what is printed on the key, where the browser tells. */
export function keysOf(chord: string, mac = false, layout?: ReadonlyMap<string, string>): string[] {
  if (BY_CHARACTER.has(chord)) return [chord];
  return chord.split("+").map((part, index, all) => {
    if (index < all.length - 1) return mac ? ({ Mod: "⌘", Ctrl: "⌃", Alt: "⌥", Shift: "⇧" }[part] ?? part) : part === "Mod" ? "Ctrl" : part;
    const printed = layout?.get(part);
    if (printed && printed.trim()) return printed.toUpperCase();
    return NAMED[part] ?? part.replace(/^(Key|Digit)/, "");
  });
}
