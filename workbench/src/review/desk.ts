// Reviewing: verdicts, disputes between two readers, gold. One island on a page of its own.

import { mount } from "svelte";
import { Desk, type Told } from "./work.svelte";
import Page from "./Page.svelte";

const target = document.getElementById("review");
const told = document.getElementById("review-given")?.textContent;
if (target && told) mount(Page, { target, props: { desk: new Desk(JSON.parse(told) as Told) } });
