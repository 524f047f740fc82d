// What the page hands to the island.

import type { Settings } from "./types";

export interface Given {
  project: string;
  project_name: string;
  /** Empty for the project's queue. */
  recording: string;
  segment: string | null;
  queue: boolean;
  username: string;
  language: string;
  may_edit: boolean;
  may_unlock: boolean;
  context_ms: number;
  /** The person's own: known before the first key, since they say whether this browser may keep what is typed. */
  settings: Settings;
  nonce: string;
  home: string;
}

export function given(): Given {
  const found = document.getElementById("workbench-given")?.textContent;
  if (!found) throw new Error("the page gives no data to its workbench");
  return JSON.parse(found) as Given;
}
