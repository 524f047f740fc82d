// The addresses that reviewers use, one function each.

import type * as schema from "../api/schema";
import { send } from "../http";
import { client } from "../workbench/api";
import type { Hypothesis, Segment } from "../workbench/types";

export type Review = schema.ReviewOut;
export type Pair = schema.PairOut;
/** What all three kinds of work show and play. */
export type Heard = Omit<schema.SegmentOut, "hypotheses" | "suggestion"> & { hypotheses: readonly Hypothesis[] };
export type Given = Omit<schema.ReviewNextOut, "segment"> & { segment: Segment | null };
export type Dispute = Omit<schema.DisputeOut, "segment"> & { segment: Heard | null };

const project = (id: string) => `/api/projects/${id}/`;

export const reviewing = {
  next: (id: string, exclude: string[]) => send<Given>("POST", `${project(id)}review/next/`, { client, exclude }),
  judge: (segment: string, body: Record<string, unknown>) => send<schema.ReviewedOut>("POST", `/api/segments/${segment}/review/`, body),
  dispute: (id: string, exclude: string[]) => send<Dispute>("POST", `${project(id)}pairs/next/`, { client, exclude }),
  settle: (pair: string, body: Record<string, unknown>) => send<Pair>("POST", `/api/pairs/${pair}/settle/`, body),
  candidate: (id: string, seen: string[]) => send<{ segment: Heard | null }>("POST", `${project(id)}gold/candidate/`, { seen }),
  gold: (id: string, segment: string, text: string) => send<schema.GoldOut>("POST", `${project(id)}gold/`, { segment, text }),
  release: (segment: string) => send<undefined>("DELETE", `/api/segments/${segment}/lease/?client=${client}`, undefined, true),
};
