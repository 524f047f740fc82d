// Everything a key can do, by name. A command may work in the text box (chords only), outside it (single
// letters), or both; the help sheet and the settings are drawn from this table.

export type Place = "box" | "list";

export const COMMANDS = {
  confirm: ["Decide", "Save or accept, and on to the next"],
  save: ["Decide", "Save and stay"],
  accept: ["Decide", "Accept the machine's text"],
  skip: ["Decide", "Skip, with a reason"],
  unintelligible: ["Decide", "Mark unintelligible"],
  undo: ["Decide", "Undo the last decision"],
  lock: ["Decide", "Lock, or unlock with a reason"],
  play: ["Sound", "Play or pause"],
  replay: ["Sound", "Play from the beginning"],
  back2: ["Sound", "Back 2 s"],
  back1: ["Sound", "Back 1 s"],
  forward1: ["Sound", "On 1 s"],
  back5: ["Sound", "Back 5 s"],
  forward5: ["Sound", "On 5 s"],
  slower: ["Sound", "Slower"],
  faster: ["Sound", "Faster"],
  loop: ["Sound", "Loop the segment"],
  next: ["Move", "Next segment, deciding nothing"],
  previous: ["Move", "Previous segment"],
  nextSuspect: ["Move", "Next word the machine was unsure of"],
  previousSuspect: ["Move", "Previous unsure word"],
  queueNext: ["Move", "What most needs a person, in the project"],
  goto: ["Move", "Go to a time"],
  search: ["Move", "Search the list"],
  toList: ["Move", "To single-letter keys"],
  toBox: ["Move", "Back to the text"],
  panes: ["Move", "To the next part of the page"],
  takeSuggestion: ["Text", "Next suggestion into the text"],
  takeBefore: ["Text", "Previous suggestion into the text"],
  clear: ["Text", "Clear and retype"],
  tag: ["Text", "Tag palette"],
  direction: ["Text", "Turn the writing direction"],
  split: ["Shape", "Split here"],
  merge: ["Shape", "Merge with the next"],
  speaker: ["Shape", "Set the speaker"],
  startEarlier: ["Shape", "Start 0.1 s earlier"],
  startLater: ["Shape", "Start 0.1 s later"],
  endEarlier: ["Shape", "End 0.1 s earlier"],
  endLater: ["Shape", "End 0.1 s later"],
  mine: ["Conflict", "Keep mine"],
  theirs: ["Conflict", "Take theirs"],
  base: ["Conflict", "Back to what both began with"],
  filter1: ["Filters", "Show all"],
  filter2: ["Filters", "Show what is to do"],
  filter3: ["Filters", "Show what is risky"],
  filter4: ["Filters", "Show what was returned"],
  filter5: ["Filters", "Show mine"],
  filter6: ["Filters", "Show what is locked"],
  order: ["Filters", "By time, or worst first"],
  marks: ["Look", "Marks under unsure words"],
  tabMode: ["Look", "Tab plays, or Tab moves on"],
  help: ["Look", "All keys"],
} as const satisfies Record<string, readonly [string, string]>;

export type Command = keyof typeof COMMANDS;

export const NAMES = Object.keys(COMMANDS) as Command[];

export function groupOf(command: Command): string {
  return COMMANDS[command][0];
}

export function labelOf(command: Command): string {
  return COMMANDS[command][1];
}
