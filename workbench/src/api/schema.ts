// Made by `python -m tools.api_types` from the OpenAPI document; do not edit.

/** Who is asked to work on a recording. */
export interface AssigneesInRequest {
  usernames: string[];
}

/** Who is asked to work on a recording; nobody = it is anybody's. */
export interface AssigneesOut {
  usernames: string[];
}

/** Milliseconds of audio. */
export interface Audio {
  total: number;
  done: number;
  left: number;
}

export type AutoPauseEnum = "off" | "pause" | "loop";

/** Windows whose riskiest draft lies from `low` up to `high`. */
export interface BandOut {
  low: number;
  high: number;
  refined: number;
  skipped: number;
  /** Refined windows in which a word was changed. */
  changed: number;
  words: number;
  words_changed: number;
}

export type BlankEnum = "";

/** What this project's corrections taught about the model's risk scores. */
export interface CalibrationOut {
  /** [score, share changed], straight between; empty = the general score is as good. */
  points: number[][];
  segments: number;
  learnt_at: string;
}

/** Why something failed. */
export interface Cause {
  code: string;
  message: string;
}

export type ChannelLayoutEnum = "mixed" | "apart";

export type CheckCode = "hallucination" | "repetition" | "empty" | "too_fast" | "too_slow" | "number_changed" | "tag_unbalanced" | "tag_unknown" | "wrong_script" | "double_space" | "glossary" | "not_heard";

/** One thing that is probably wrong with a text. */
export interface CheckOut {
  code: CheckCode;
  /** warning: shown on the first Enter; note: only shown. */
  severity: SeverityEnum;
  message: string;
  /** UTF-16 code units, as JavaScript counts. */
  start: number | null;
  end: number | null;
}

/** A text to look over. */
export interface ChecksInRequest {
  text: string;
  heard_share?: number | null;
}

/** What is probably wrong with a text, warnings first. */
export interface ChecksOut {
  checks: CheckOut[];
}

export type ContextEnum = "full" | "fit";

/** What a token is asked for with. */
export interface CredentialsRequest {
  username: string;
  password: string;
}

export type DecisionEnum = "save" | "accept" | "skip" | "unintelligible";

export type DecisionKind = "save" | "accept" | "skip" | "unintelligible" | "split" | "merge" | "edges" | "speaker" | "undo";

/** What a person did to a segment. */
export interface DecisionOut {
  id: string;
  /** Of a split or merge: the first that it retired. */
  segment: string;
  kind: DecisionKind;
  reason: string;
  by: string | null;
  at: string;
  heard_share: number | null;
  active_ms: number | null;
  /** Codes that warned. */
  checks: string[];
  /** Codes decided against. */
  overrode: string[];
  /** Say whether it was taken back. */
  undone: boolean;
}

/** What you are typing. */
export interface DraftInRequest {
  text: string;
  /** The revision you began on. */
  base_revision: number;
}

/** What is kept of what you type. */
export interface DraftOut {
  text: string;
  base_revision: number;
  at: string;
  /** The segment's present one. */
  revision: number;
  /** Whether somebody has saved since you began. */
  stale: boolean;
  checks: CheckOut[];
}

/** What you were typing. */
export interface DraftShown {
  text: string;
  base_revision: number;
  at: string;
}

/** A file whose bytes the project already has. */
export interface DuplicateFile {
  /** As it was sent. */
  name: string;
  recording: string;
  recording_name: string;
}

/** How far the edges may go. */
export interface Edges {
  earliest_ms: number;
  latest_ms: number;
  shortest_ms: number;
  longest_ms: number;
}

/** Where a segment begins and ends. */
export interface EdgesInRequest {
  /** The revision you saw. */
  base_revision: number;
  /** Token of your lease, if any. */
  lease?: number | null;
  /** The same act sent twice with one id is done once. */
  operation_id?: string | null;
  /** Your tab. */
  client?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
  /** Codes of the checks you had seen and decided against. */
  overrode?: CheckCode[];
  start_ms: number;
  end_ms: number;
}

/** How the text box behaves. */
export interface Editor {
  marks: boolean;
  tab_plays: boolean;
  shared_computer: boolean;
  font_px: number;
  order: OrderEnum;
}

/** Shape of every refusal. */
export interface Error {
  error: ErrorBody;
}

/** Inside of every refusal. */
export interface ErrorBody {
  /** Stable word for programs. */
  code: string;
  /** What to do, for people. */
  message: string;
  /** Values that belong to the code. */
  detail: Record<string, unknown>;
}

/** How long the rest will take. */
export interface Eta {
  hours_at_this_pace: number | null;
  working_days: number | null;
  basis: string;
}

/** A whole recording, counted. */
export interface Facets {
  total: number;
  states: Record<string, number>;
  locked: number;
  speakers: string[];
}

/** The last check of a model's fitted context in this project. */
export interface GateOut {
  open: boolean;
  /** Corrected segments that were heard in both contexts. */
  references: number;
  reference_words: number;
  full_errors: number;
  fit_errors: number;
  /** What full context cost, milliseconds. */
  full_ms: number;
  fit_ms: number;
  /** Profile that texts went through before comparing. */
  normalisation: string;
  checked_at: string;
}

/** One version of a segment's text, and what made it. */
export interface HistoryEntry {
  number: number;
  base: number;
  text: string;
  source: SourceEnum;
  author: string | null;
  model: string;
  created_at: string;
  /** What a person did; empty for models. */
  kind: DecisionKind | BlankEnum;
}

/** What one pass of one model heard. */
export interface HypothesisOut {
  pass: PassEnum;
  id: string;
  model: string;
  text: string;
  /** [start_ms, end_ms, text, probability]; in details and with ?words=1 */
  words?: unknown[][];
  risk: number | null;
  risk_reasons: string[];
  /** What refine changed against the draft, in words: substitutions, deletions, insertions, reference_length; null for drafts. */
  changes: Record<string, number> | null;
  /** What it cost, of its model's time. */
  processing_ms: number | null;
  created_at: string;
}

/** An estimate with its 95 % interval. */
export interface IntervalOut {
  value: number;
  low: number;
  high: number;
}

/** Work that somebody asked for, and how far it is. */
export interface JobOut {
  id: string;
  project: string;
  recording: string | null;
  kind: JobOutKindEnum;
  state: JobOutStateEnum;
  /** preparing, draft or refine while it runs. */
  phase: string;
  /** 0 to 1. */
  progress: number;
  processed_items: number;
  failed_items: number;
  total_items: number;
  error: Cause | null;
  /** Seconds left; null before there is a pace. */
  eta_s: number | null;
  /** Seconds until every draft is there. */
  draft_eta_s: number | null;
  created_by: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export type JobOutKindEnum = "transcribe";

export type JobOutStateEnum = "pending" | "running" | "completed" | "failed" | "cancelled";

export interface JobPage {
  next: string | null;
  previous: string | null;
  results: JobOut[];
}

/** Which key does what. */
export interface Keys {
  preset: PresetEnum;
  /** Command: {box: [chords], list: [chords]}. */
  own: Record<string, Record<string, string[]>>;
}

export type LanguageScopeEnum = "recording" | "segment";

/** From which tab a lease is asked for. */
export interface LeaseInRequest {
  /** Your tab. */
  client?: string;
  /** Move it here from another tab of yours. */
  take?: boolean;
}

/** A lease you hold. */
export interface LeaseOut {
  /** Send it back as `lease` when you save. */
  token: string;
  holder: string;
  name: string;
  expires_at: string;
}

/** Who is editing, until when. */
export interface LeaseShown {
  holder: string;
  /** As others know them. */
  name: string;
  mine: boolean;
  /** The tab, where it is yours. */
  client: string | null;
  expires_at: string;
}

/** What is finished. */
export interface LockInRequest {
  base_revision?: number | null;
}

/** Whom to give which role. */
export interface MemberInRequest {
  username: string;
  role: RoleEnum;
}

/** A person's place in a project. */
export interface MemberOut {
  user: Person;
  role: RoleEnum;
  created_at: string;
}

export interface MemberPage {
  next: string | null;
  previous: string | null;
  results: MemberOut[];
}

/** What to join a segment with. */
export interface MergeInRequest {
  /** The revision you saw. */
  base_revision: number;
  /** Token of your lease, if any. */
  lease?: number | null;
  /** The same act sent twice with one id is done once. */
  operation_id?: string | null;
  /** Your tab. */
  client?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
  /** Codes of the checks you had seen and decided against. */
  overrode?: CheckCode[];
  /** The next segment, as you see it. */
  next: string;
  next_revision: number;
  text?: string;
}

/** A model in a project. */
export interface ModelOut {
  model: string;
  /** draft, refine; empty = earlier. */
  passes: string[];
  /** In force for new work. */
  context: ContextEnum;
  /** Why, in a sentence. */
  reason: string;
  gate: GateOut | null;
  calibration: CalibrationOut | null;
}

/** The models of a project. */
export interface ModelsOut {
  models: ModelOut[];
  /** Corrected segments there are, counted up to 10,000. */
  references: number;
  /** Without so many no gate opens. */
  references_needed: number;
}

/** One of your drafts. */
export interface MyDraft {
  text: string;
  base_revision: number;
  at: string;
  segment: string;
  recording: string;
  revision: number;
  stale: boolean;
  /** What took the segment's place, where it was reshaped. */
  into: string[];
}

/** Your drafts, newest first. */
export interface MyDrafts {
  results: MyDraft[];
}

/** The segment before or after, to read. */
export interface Neighbour {
  id: string;
  start_ms: number;
  end_ms: number;
  speaker: string;
  state: SegmentState;
  locked: boolean;
  revision: number;
  text: string;
}

/** What was said before and after on the same channel. */
export interface Neighbours {
  previous: Neighbour | null;
  next: Neighbour | null;
}

/** What you would like to work on. */
export interface NextInRequest {
  /** Your tab. */
  client?: string;
  recording?: string | null;
  order?: OrderEnum;
  /** What you hold already. */
  exclude?: string[];
}

/** The next segment, leased to you; null when nothing is left to hand out. */
export interface NextOut {
  segment: SegmentDetailOut | null;
  lease: LeaseOut | null;
  why: WhyEnum | NullEnum | null;
  counts: QueueCounts;
}

export type NullEnum = null;

export type OrderEnum = "time" | "risk";

/** How fast it goes; null where there is too little to tell. */
export interface Pace {
  audio_ms_per_hour: number | null;
  people: number;
  window_s: number | null;
  audio_ms_per_day: number | null;
  days: number;
}

export type PassEnum = "draft" | "refine";

/** A lease that went over to what took the segment's place. */
export interface PassedLease {
  segment: string;
  token: string;
  expires_at: string;
}

/** What may be set of a project. */
export interface PatchedProjectInRequest {
  name?: string;
  description?: string;
  language?: string;
  segmentation?: SegmentationEnum;
  segment_target_ms?: number;
  segment_max_ms?: number;
  draft_model?: string;
  refine_model?: string | null;
  refine_when?: RefineWhenEnum;
  refine_above?: number;
  language_scope?: LanguageScopeEnum;
  channels_apart?: boolean;
  glossary?: string[];
  tags?: string[];
}

/** What you decided about a segment's text. */
export interface PatchedSaveInRequest {
  /** The revision you saw. */
  base_revision?: number;
  /** Token of your lease, if any. */
  lease?: number | null;
  /** The same act sent twice with one id is done once. */
  operation_id?: string | null;
  /** Your tab. */
  client?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
  /** Codes of the checks you had seen and decided against. */
  overrode?: CheckCode[];
  /** To save it. */
  text?: string;
  decision?: DecisionEnum;
  /** Why it is skipped. */
  reason?: string;
  /** Give your lease back with it. */
  release?: boolean;
}

/** A waveform: minimum and maximum of each step. */
export interface Peaks {
  /** Length of one step. */
  level_ms: number;
  /** All zoom levels. */
  levels_ms: number[];
  /** Where the first step begins. */
  start_ms: number;
  end_ms: number;
  duration_ms: number;
  /** minimum, maximum, ... as -128..127 */
  peaks: number[];
}

/** A person, by the names others may know. */
export interface Person {
  id: string;
  username: string;
  name: string;
}

/** How the sound behaves. */
export interface Playback {
  auto_pause: AutoPauseEnum;
  rewind_ms: number;
  resume_ms: number;
  speed: number;
  context_ms: number;
  loop: boolean;
  autoplay: boolean;
}

/** What refining only above a risk would save and miss, as shares. */
export interface PointOut {
  above: number;
  /** Of the audio to refine. */
  saved: number;
  /** Of the words that refine would change. */
  missed: number;
}

/** Where you are. */
export interface PresenceInRequest {
  /** Your tab. */
  client?: string;
  segment?: string | null;
}

export type PresetEnum = "default" | "otranscribe" | "labelstudio" | "subtitleedit";

/** How far a project is. */
export interface ProgressOut {
  since: string;
  today: Today;
  segments: StateCounts;
  audio_ms: Audio;
  returned_to_you: number;
  pace: Pace;
  eta: Eta;
}

/** How much is in a project. */
export interface ProjectCounts {
  recordings: number;
  segments: number;
  corrected: number;
  duration_ms: number;
}

/** What may be set of a project. */
export interface ProjectInRequest {
  name: string;
  description?: string;
  language?: string;
  segmentation?: SegmentationEnum;
  segment_target_ms?: number;
  segment_max_ms?: number;
  draft_model?: string;
  refine_model?: string | null;
  refine_when?: RefineWhenEnum;
  refine_above?: number;
  language_scope?: LanguageScopeEnum;
  channels_apart?: boolean;
  glossary?: string[];
  tags?: string[];
}

/** A project as its members see it. */
export interface ProjectOut {
  id: string;
  name: string;
  description: string;
  /** ISO 639 code; empty = detected. */
  language: string;
  segmentation: SegmentationEnum;
  segment_target_ms: number;
  segment_max_ms: number;
  draft_model: string;
  /** null = one pass. */
  refine_model: string | null;
  /** risky: only where a draft's risk is `refine_above` or more. */
  refine_when: RefineWhenEnum;
  /** 0 to 1. */
  refine_above: number;
  /** What one language is detected for, where none is given. */
  language_scope: LanguageScopeEnum;
  /** Whether stereo whose channels differ is heard channel by channel. */
  channels_apart: boolean;
  glossary: string[];
  /** Set as `[tag]` in the text; `foreign:xx` takes a language code. */
  tags: string[];
  /** Your role here. */
  role: RoleEnum;
  counts: ProjectCounts;
  created_at: string;
}

export interface ProjectPage {
  next: string | null;
  previous: string | null;
  results: ProjectOut[];
}

/** What is left, and what is not. */
export interface QueueCounts {
  total: number;
  open: number;
  leased: number;
  returned_to_you: number;
  waiting_for_machine: number;
  done: number;
}

/** One of your last decisions. */
export interface RecentDecisionOut {
  id: string;
  /** Of a split or merge: the first that it retired. */
  segment: string;
  kind: DecisionKind;
  reason: string;
  by: string | null;
  at: string;
  heard_share: number | null;
  active_ms: number | null;
  /** Codes that warned. */
  checks: string[];
  /** Codes decided against. */
  overrode: string[];
  /** Say whether it was taken back. */
  undone: boolean;
  recording: string;
  /** What it left: for a split, both parts. */
  segments: string[];
  /** Whether nobody has changed it since. */
  undoable: boolean;
}

/** Your last decisions that are not undone, newest first. */
export interface RecentDecisions {
  results: RecentDecisionOut[];
}

/** An uploaded audio file and where its transcription stands. */
export interface RecordingOut {
  id: string;
  project: string;
  name: string;
  state: RecordingOutStateEnum;
  duration_ms: number | null;
  size_bytes: number;
  sha256: string;
  container: string;
  codec: string;
  sample_rate: number | null;
  channels: number | null;
  /** apart: its segments lie on channel 1 (left) or 2 (right). */
  channel_layout: ChannelLayoutEnum;
  /** As a person gave it; empty = as the project says. */
  language: string;
  /** As a model heard it where none is given. */
  detected_language: string;
  language_probability: number | null;
  segments: SegmentCounts;
  /** 0 to 1, of its latest job. */
  progress: number;
  error: Cause | null;
  warnings: Cause[];
  /** Its latest job. */
  job: JobOut | null;
  created_at: string;
}

export type RecordingOutStateEnum = "stored" | "preparing" | "ready" | "rejected";

export interface RecordingPage {
  next: string | null;
  previous: string | null;
  results: RecordingOut[];
}

/** What the second pass does in a project. */
export interface RefineOut {
  refine_when: RefineWhenEnum;
  refine_above: number;
  /** Processing spent so far, milliseconds. */
  draft_ms: number;
  refine_ms: number;
  /** Estimated: skipped audio by the measured factor. */
  saved_ms: number;
  /** Seconds of refining per second of audio. */
  rtf: number | null;
  /** Windows. */
  refined: number;
  skipped: number;
  waiting: number;
  /** Newest windows behind the figures below. */
  looked_at: number;
  bands: BandOut[];
  curve: PointOut[];
  /** Windows below `refine_above` that were refined anyway. */
  sample: number;
  /** Share of those with a changed word. */
  sample_changed: IntervalOut | null;
  /** Words refine would change in skipped windows. */
  missed_words: IntervalOut | null;
}

export type RefineWhenEnum = "always" | "risky";

/** A file that was not taken, and why. */
export interface RefusedFile {
  name: string;
  error: ErrorBody;
}

/** How to cut; what is left out is as the recording and its project say. */
export interface ResegmentInRequest {
  segmentation?: SegmentationEnum;
  /** Length to aim at. */
  target_ms?: number;
  /** No longer than. */
  max_ms?: number;
}

/** What came of it. */
export interface ResegmentOut {
  /** Segments that were taken away; their history stays. */
  retired: number;
  /** Segments that took their place, most with text at once. */
  made: number;
  /** Segments that stayed because a person has touched them. */
  kept: number;
  /** Windows that a model has yet to hear. */
  queued: number;
}

/** What became of the segments. */
export interface ReshapedOut {
  /** What is there now, by time. */
  segments: SegmentOut[];
  retired: string[];
  decision: DecisionOut;
  leases: PassedLease[];
}

/** One version of a segment's text. */
export interface RevisionOut {
  number: number;
  base: number;
  text: string;
  source: SourceEnum;
  author: string | null;
  model: string;
  created_at: string;
}

export interface RevisionPage {
  next: string | null;
  previous: string | null;
  results: RevisionOut[];
}

export type RoleEnum = "annotator" | "reviewer" | "manager";

/** Who is editing a row. */
export interface RowLease {
  holder: string;
  name: string;
  mine: boolean;
  client: string | null;
  expires_at: string;
}

/** A segment in one line. */
export interface RowOut {
  id: string;
  index: number;
  start_ms: number;
  end_ms: number;
  channel: number;
  speaker: string;
  state: SegmentState;
  locked: boolean;
  risk: number | null;
  revision: number;
  lease: RowLease | null;
  annotator: string | null;
  return_reason: string;
  /** The first 80 characters. */
  head: string;
}

/** One page of a recording's rows. */
export interface RowsOut {
  recording: string;
  /** Number of the project's last audited change. */
  version: string;
  matching: number;
  next: string | null;
  /** On the first page. */
  facets: Facets | null;
  rows: RowOut[];
}

/** The segment as you left it. */
export interface SavedOut {
  id: string;
  project: string;
  recording: string;
  start_ms: number;
  end_ms: number;
  channel: number;
  speaker: string;
  language: string;
  state: SegmentState;
  text: string;
  revision: number;
  source: SourceEnum | BlankEnum;
  locked: boolean;
  locked_at: string | null;
  locked_by: string | null;
  lease: LeaseShown | null;
  risk: number | null;
  risk_reasons: string[];
  /** Who last wrote the text by hand. */
  annotator: string | null;
  /** Why it was returned, while it is. */
  return_reason: string;
  hypotheses: HypothesisOut[];
  /** What a better model heard after a person had touched the text. */
  suggestion: HypothesisOut | null;
  updated_at: string;
  checks: CheckOut[];
  decision: DecisionOut;
}

/** How many segments a recording has, and how far they are. */
export interface SegmentCounts {
  total: number;
  heard: number;
  corrected: number;
  locked: number;
}

/** A row with all that its page shows. */
export interface SegmentDetailOut {
  id: string;
  project: string;
  recording: string;
  start_ms: number;
  end_ms: number;
  channel: number;
  speaker: string;
  language: string;
  state: SegmentState;
  text: string;
  revision: number;
  source: SourceEnum | BlankEnum;
  locked: boolean;
  locked_at: string | null;
  locked_by: string | null;
  lease: LeaseShown | null;
  risk: number | null;
  risk_reasons: string[];
  /** Who last wrote the text by hand. */
  annotator: string | null;
  /** Why it was returned, while it is. */
  return_reason: string;
  hypotheses: HypothesisOut[];
  /** What a better model heard after a person had touched the text. */
  suggestion: HypothesisOut | null;
  updated_at: string;
  /** Its place in the recording. */
  index: number;
  machine_text: string | null;
  /** What you were typing; nobody else's. */
  draft: DraftShown | null;
  neighbours: Neighbours;
  edges: Edges;
  history: HistoryEntry[];
  /** The last of anybody. */
  decision: DecisionOut | null;
  checks: CheckOut[];
  parents: string[];
  tags: string[];
  glossary: string[];
}

/** A row that a person works on. */
export interface SegmentOut {
  id: string;
  project: string;
  recording: string;
  start_ms: number;
  end_ms: number;
  channel: number;
  speaker: string;
  language: string;
  state: SegmentState;
  text: string;
  revision: number;
  source: SourceEnum | BlankEnum;
  locked: boolean;
  locked_at: string | null;
  locked_by: string | null;
  lease: LeaseShown | null;
  risk: number | null;
  risk_reasons: string[];
  /** Who last wrote the text by hand. */
  annotator: string | null;
  /** Why it was returned, while it is. */
  return_reason: string;
  hypotheses: HypothesisOut[];
  /** What a better model heard after a person had touched the text. */
  suggestion: HypothesisOut | null;
  updated_at: string;
}

export interface SegmentPage {
  next: string | null;
  previous: string | null;
  results: SegmentOut[];
}

export type SegmentState = "pending" | "draft" | "refined" | "corrected" | "skipped" | "accepted" | "returned";

export type SegmentationEnum = "pauses" | "voice" | "fixed";

/** The parts to set, each whole. */
export interface SettingsInRequest {
  keys?: Record<string, unknown>;
  playback?: Record<string, unknown>;
  editor?: Record<string, unknown>;
}

/** Your settings of the workbench. */
export interface SettingsOut {
  keys: Keys;
  playback: Playback;
  editor: Editor;
}

export type SeverityEnum = "warning" | "note";

export type SourceEnum = "draft" | "refine" | "human" | "import";

/** Who speaks. */
export interface SpeakerInRequest {
  /** The revision you saw. */
  base_revision: number;
  /** Token of your lease, if any. */
  lease?: number | null;
  /** The same act sent twice with one id is done once. */
  operation_id?: string | null;
  /** Your tab. */
  client?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
  /** Codes of the checks you had seen and decided against. */
  overrode?: CheckCode[];
  speaker: string;
}

/** Where to cut a segment. */
export interface SplitInRequest {
  /** The revision you saw. */
  base_revision: number;
  /** Token of your lease, if any. */
  lease?: number | null;
  /** The same act sent twice with one id is done once. */
  operation_id?: string | null;
  /** Your tab. */
  client?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
  /** Codes of the checks you had seen and decided against. */
  overrode?: CheckCode[];
  /** In the recording. */
  at_ms: number;
  /** In the text, UTF-16 code units. */
  offset: number;
  /** The box as it is, where it is not saved. */
  text?: string;
}

/** Segments by state. */
export interface StateCounts {
  total: number;
  pending: number;
  draft: number;
  refined: number;
  corrected: number;
  skipped: number;
  accepted: number;
  returned: number;
  locked: number;
  /** Corrected, skipped, accepted or locked. */
  done: number;
}

/** Your work and everybody's. */
export interface Today {
  mine: Work;
  all: Work;
}

/** A new token; it is shown this once. */
export interface Token {
  token: string;
  expiry: string | null;
}

/** What to take back. */
export interface UndoInRequest {
  /** Your last one on the segment unless told. */
  decision?: string | null;
  operation_id?: string | null;
}

/** What is there again. */
export interface UndoneOut {
  undone: DecisionOut;
  segments: SegmentOut[];
  retired: string[];
  leases: PassedLease[];
}

/** Why a finished row is opened again. */
export interface UnlockInRequest {
  reason: string;
}

/** The parts of a multipart upload. */
export interface UploadFilesInRequest {
  /** Repeatable. */
  file: string[];
}

/** Where a resumable upload stands. */
export interface UploadOut {
  id: string;
  project: string;
  name: string;
  state: UploadOutStateEnum;
  offset: number;
  size_bytes: number;
  recording: string | null;
  duplicate: boolean;
  expires_at: string;
}

export type UploadOutStateEnum = "open" | "finished" | "aborted" | "expired";

/** What became of each file of one upload. */
export interface UploadedFiles {
  recordings: RecordingOut[];
  duplicates: DuplicateFile[];
  errors: RefusedFile[];
}

/** Somebody who has the recording open. */
export interface Visitor {
  username: string;
  name: string;
  you: boolean;
  segment: string | null;
  tabs: number;
  since: string;
}

/** Who has the recording open. */
export interface Visitors {
  people: Visitor[];
}

export type WhyEnum = "held" | "returned" | "assigned" | "queue";

/** What was decided in a span of time. */
export interface Work {
  decisions: number;
  segments: number;
  audio_ms: number;
  active_ms: number;
}
