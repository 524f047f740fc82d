import { describe, expect, it } from "vitest";
import { NAMES } from "../src/workbench/commands";
import { Keymap, bind, bindings, chordOf, doubles, keysOf, refusal, type Stroke } from "../src/workbench/keymap";
import { PRESETS } from "../src/workbench/presets";

function stroke(code: string, key: string, with_: Partial<Stroke> & { altGraph?: boolean } = {}): Stroke {
  const { altGraph = false, ...rest } = with_;
  return { code, key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, isComposing: false, getModifierState: (name) => name === "AltGraph" && altGraph, ...rest };
}

describe("chordOf", () => {
  it("names keys by their place, whatever the layout types", () => {
    expect(chordOf(stroke("KeyS", "ы", { ctrlKey: true }))).toBe("Mod+KeyS");
    expect(chordOf(stroke("KeyJ", "ח"))).toBe("KeyJ");
    expect(chordOf(stroke("NumpadEnter", "Enter"))).toBe("Enter");
  });
  it("takes ⌘ for Mod on a Mac, and leaves Ctrl its own", () => {
    expect(chordOf(stroke("KeyS", "s", { metaKey: true }), true)).toBe("Mod+KeyS");
    expect(chordOf(stroke("KeyS", "s", { ctrlKey: true }), true)).toBe("Ctrl+KeyS");
  });
  it("leaves composition, dead keys, AltGr and Ctrl+Alt to those who type with them", () => {
    expect(chordOf(stroke("KeyS", "s", { isComposing: true }))).toBeNull();
    expect(chordOf(stroke("KeyS", "Process"))).toBeNull();
    expect(chordOf(stroke("BracketLeft", "Dead"))).toBeNull();
    expect(chordOf(stroke("Digit8", "[", { ctrlKey: true, altKey: true, altGraph: true }))).toBeNull();
    expect(chordOf(stroke("KeyQ", "@", { ctrlKey: true, altKey: true }))).toBeNull();
    expect(chordOf(stroke("ShiftLeft", "Shift", { shiftKey: true }))).toBeNull();
  });
  it("finds ? and / by what they type", () => {
    expect(chordOf(stroke("Minus", "?", { shiftKey: true }))).toBe("?");
    expect(chordOf(stroke("Digit7", "/", { shiftKey: true }))).toBe("/");
  });
});

describe("presets", () => {
  it.each(Object.keys(PRESETS))("%s binds no key twice and takes none from typing", (name) => {
    const all = bindings(name);
    expect(doubles(all)).toEqual([]);
    for (const command of NAMES) {
      for (const place of ["box", "list"] as const) {
        for (const chord of all[command]?.[place] ?? []) expect([command, chord, refusal(chord, place)]).toEqual([command, chord, ""]);
      }
    }
  });
  it.each(Object.keys(PRESETS))("%s can be worked with: confirm, play, help and the way in and out", (name) => {
    const all = bindings(name);
    for (const command of ["confirm", "play", "help", "toList", "undo", "skip"] as const) expect(all[command]?.box?.length, command).toBeGreaterThan(0);
    for (const command of ["accept", "play", "help", "toBox", "next", "previous"] as const) expect(all[command]?.list?.length, command).toBeGreaterThan(0);
  });
});

describe("bind", () => {
  it("refuses a key that another command has, a letter in the text, and the browser's own", () => {
    expect(bind("default", {}, "loop", "box", ["Mod+KeyS"])).toBe("save");
    expect(bind("default", {}, "loop", "box", ["KeyO"])).toContain("types a letter");
    expect(bind("default", {}, "loop", "box", ["Alt+KeyO"])).toContain("types a letter");
    expect(bind("default", {}, "loop", "list", ["Mod+KeyW"])).toContain("browser");
    expect(bind("default", {}, "loop", "box", ["Tab"])).toContain("Tab");
  });
  it("binds anew, and frees what was bound", () => {
    const own = bind("default", {}, "loop", "box", ["F9"]);
    if (typeof own === "string") throw new Error(own);
    const keymap = new Keymap(bindings("default", own));
    expect(keymap.find("F9", "box")).toBe("loop");
    expect(keymap.find("F8", "box")).toBeNull();
    expect(keymap.find("KeyO", "list")).toBe("loop");
    expect(bind("default", own, "play", "box", ["F8"])).toMatchObject({ play: { box: ["F8"] } });
  });
});

it("writes chords as the keys that are pressed", () => {
  expect(keysOf("Mod+Shift+KeyM")).toEqual(["Ctrl", "Shift", "M"]);
  expect(keysOf("Mod+KeyZ", false, new Map([["KeyZ", "y"]]))).toEqual(["Ctrl", "Y"]);
  expect(keysOf("Mod+Enter", true)).toEqual(["⌘", "Enter"]);
});
