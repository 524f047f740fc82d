// The review workbench: one island on a page of its own, and its part of the page's head.

import { mount } from "svelte";
import App from "./workbench/App.svelte";
import { given } from "./workbench/given";
import { help } from "./workbench/help.svelte";
import Status from "./workbench/parts/Status.svelte";
import { Session } from "./workbench/session";

const target = document.getElementById("workbench");
const status = document.getElementById("workbench-status");
if (target && status) {
  const session = new Session(given());
  mount(Status, { target: status, props: { session, help: () => (help.open = true) } });
  mount(App, { target, props: { session } });
}

// The desk of reviewers is a page of its own; what it shares with this one is in the same file.
if (document.getElementById("review")) void import("./review/desk");
