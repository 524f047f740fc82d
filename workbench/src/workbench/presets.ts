// The keys that are shipped. A preset names only what differs from the default; the keys of a foot pedal
// (F4, F7, F8, F9) are bound by whoever has one.

import type { Command, Place } from "./commands";

export type Bindings = { [name in Command]?: { [place in Place]?: readonly string[] } };

export const DEFAULT: Bindings = {
  confirm: { box: ["Enter", "Mod+Enter"], list: ["Mod+Enter"] },
  save: { box: ["Mod+KeyS"], list: ["Mod+KeyS"] },
  accept: { list: ["KeyA"] },
  skip: { box: ["Mod+Shift+KeyX"], list: ["KeyX"] },
  unintelligible: { box: ["Mod+Shift+KeyU"], list: ["KeyU"] },
  undo: { box: ["Mod+Shift+KeyZ"], list: ["KeyZ"] },
  lock: { box: ["Mod+Shift+KeyL"], list: ["Shift+KeyL"] },
  play: { box: ["Mod+Space", "F2"], list: ["Space"] },
  replay: { box: ["Mod+Shift+Space", "Shift+F2"], list: ["KeyR"] },
  back2: { box: ["Mod+Comma", "F7"], list: ["KeyB"] },
  back1: { list: ["KeyH"] },
  forward1: { list: ["KeyL"] },
  back5: { list: ["Shift+KeyH"] },
  forward5: { box: ["Mod+Period"], list: ["Shift+Period"] },
  slower: { box: ["Mod+BracketLeft"], list: ["Comma"] },
  faster: { box: ["Mod+BracketRight"], list: ["Period"] },
  loop: { box: ["F8"], list: ["KeyO"] },
  next: { box: ["Alt+ArrowDown"], list: ["KeyJ", "ArrowDown", "Alt+ArrowDown"] },
  previous: { box: ["Alt+ArrowUp"], list: ["KeyK", "ArrowUp", "Alt+ArrowUp"] },
  nextSuspect: { box: ["F4"], list: ["KeyN"] },
  previousSuspect: { box: ["Shift+F4"], list: ["Shift+KeyN"] },
  queueNext: { box: ["Alt+Enter"], list: ["KeyQ"] },
  goto: { box: ["Mod+KeyG"], list: ["KeyG"] },
  search: { box: ["Mod+KeyK"], list: ["/", "Mod+KeyK"] },
  toList: { box: ["Escape"] },
  toBox: { list: ["Enter", "Escape", "KeyI"] },
  panes: { box: ["F6"], list: ["F6"] },
  takeSuggestion: { box: ["Mod+Shift+ArrowDown"], list: ["KeyT"] },
  takeBefore: { box: ["Mod+Shift+ArrowUp"], list: ["Shift+KeyT"] },
  clear: { box: ["Mod+Shift+Backspace"], list: ["Shift+KeyC"] },
  tag: { list: ["["] },
  direction: { box: ["Mod+Shift+KeyE"], list: ["KeyE"] },
  split: { box: ["Mod+Shift+Enter"], list: ["KeyS"] },
  merge: { box: ["Mod+Shift+KeyM"], list: ["KeyM"] },
  speaker: { box: ["Mod+Shift+KeyP"], list: ["KeyP"] },
  startEarlier: { box: ["Alt+Home"], list: ["Shift+KeyA"] },
  startLater: { box: ["Alt+Shift+Home"], list: ["Shift+KeyS"] },
  endEarlier: { box: ["Alt+Shift+End"], list: ["Shift+KeyD"] },
  endLater: { box: ["Alt+End"], list: ["Shift+KeyF"] },
  mine: { box: ["Mod+Shift+Digit1"], list: ["Mod+Shift+Digit1"] },
  theirs: { box: ["Mod+Shift+Digit2"], list: ["Mod+Shift+Digit2"] },
  base: { box: ["Mod+Shift+Digit3"], list: ["Mod+Shift+Digit3"] },
  filter1: { list: ["Digit1"] },
  filter2: { list: ["Digit2"] },
  filter3: { list: ["Digit3"] },
  filter4: { list: ["Digit4"] },
  filter5: { list: ["Digit5"] },
  filter6: { list: ["Digit6"] },
  order: { list: ["KeyW"] },
  marks: { box: ["Mod+Shift+KeyH"], list: ["Shift+KeyM"] },
  tabMode: { box: ["Mod+KeyM"], list: ["Mod+KeyM"] },
  help: { box: ["F1"], list: ["F1", "?"] },
};

export interface Preset {
  label: string;
  bindings: Bindings;
}

export const PRESETS: Record<string, Preset> = {
  default: { label: "Earmark", bindings: {} },
  otranscribe: {
    label: "oTranscribe",
    bindings: {
      play: { box: ["Escape", "Mod+Space"], list: ["Escape", "Space"] },
      toList: { box: ["F9"] },
      toBox: { list: ["Enter", "F9", "KeyI"] },
      help: { box: ["Mod+Slash"], list: ["?", "Mod+Slash"] },
      back2: { box: ["F1", "Mod+Digit1"], list: ["F1", "Mod+Digit1", "KeyB"] },
      forward5: { box: ["F2", "Mod+Digit2"], list: ["F2", "Mod+Digit2", "Shift+Period"] },
      replay: { box: ["Mod+Digit0", "Mod+Shift+Space"], list: ["Mod+Digit0", "KeyR"] },
      slower: { box: ["F3", "Mod+BracketLeft"], list: ["F3", "Comma"] },
      faster: { box: ["F4", "Mod+BracketRight"], list: ["F4", "Period"] },
      nextSuspect: { box: ["F7"] },
      previousSuspect: { box: ["Shift+F7"] },
    },
  },
  labelstudio: {
    label: "Label Studio",
    bindings: {
      confirm: { box: ["Mod+Enter", "Enter"], list: ["Mod+Enter"] },
      skip: { box: ["Mod+Space"], list: ["Mod+Space", "KeyX"] },
      play: { box: ["F2"], list: ["Alt+Space", "Space"] },
      back1: { box: ["Mod+KeyB"], list: ["Mod+KeyB", "KeyH"] },
      next: { box: ["Alt+ArrowDown", "Mod+ArrowRight"], list: ["Alt+ArrowDown", "ArrowDown", "KeyJ", "Mod+ArrowRight"] },
      undo: { box: ["Mod+Shift+KeyZ"], list: ["Mod+KeyZ", "KeyZ"] },
    },
  },
  subtitleedit: {
    label: "Subtitle Edit",
    bindings: {
      play: { box: ["Mod+Space", "F9"], list: ["Space", "Mod+Space"] },
      replay: { box: ["F2"], list: ["F2", "KeyR"] },
      back1: { list: ["ArrowLeft", "KeyH"] },
      forward1: { list: ["ArrowRight", "KeyL"] },
      merge: { box: ["Mod+Shift+KeyM"], list: ["Mod+Shift+KeyM", "KeyM"] },
      split: { box: ["Mod+Shift+KeyV"], list: ["Mod+Shift+KeyV", "KeyS"] },
      nextSuspect: { box: ["F8"], list: ["F8", "KeyN"] },
      previousSuspect: { box: ["Shift+F8"], list: ["Shift+F8", "Shift+KeyN"] },
      loop: { box: ["Mod+Shift+KeyO"], list: ["KeyO"] },
      direction: { box: ["Mod+Shift+KeyR"], list: ["KeyE"] },
    },
  },
};
