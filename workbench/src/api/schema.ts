// Made by `python -m tools.api_types` from the OpenAPI document; do not edit.

export type ActionEnum = "assign" | "prioritise" | "retranscribe" | "trash" | "restore";

/** Where a figure is. */
export interface AddressOut {
  figure: string;
  url: string;
  by: string[];
}

/** How far two blind readers agree; symmetric rates: edits over the mean length of both texts, pooled. */
export interface AgreementOut {
  compared: number;
  agreed: number;
  disputed: number;
  settled: number;
  reading: number;
  edits: number;
  /** Of both texts. */
  words: number;
  character_edits: number;
  characters: number;
  wer: number | null;
  cer: number | null;
  profile: string;
}

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

export type AudioEnum = "segments" | "recordings" | "none";

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

/** Work for a person: so many segments, or these recordings. */
export interface BatchInRequest {
  assignee: string;
  name?: string;
  segments?: number;
  recordings?: string[];
  /** Which segments. */
  order?: BatchOrder;
}

export type BatchOrder = "risk" | "time" | "random";

/** Work reserved for a person. */
export interface BatchOut {
  id: string;
  name: string;
  assignee: string;
  /** Named one by one. */
  segments: number;
  recordings: number;
  /** Segments nobody has decided about. */
  open: number;
  /** Say whether nobody is given anything of it. */
  paused: boolean;
  created_at: string;
}

export interface BatchPage {
  next: string | null;
  previous: string | null;
  results: BatchOut[];
}

export type BlankEnum = "";

/** An estimate with its 95 % interval. */
export interface BoundsOut {
  value: number;
  low: number;
  high: number;
}

/** One thing to do to many recordings, or to the segments that a search finds. */
export interface BulkInRequest {
  action: ActionEnum;
  recordings?: string[];
  /** Of retranscribe: the segments this search finds. */
  query?: string;
  /** Of retranscribe. */
  model?: string;
  /** Of retranscribe: only segments no person has touched. */
  untouched?: boolean;
  usernames?: string[];
  priority?: PriorityEnum;
}

/** What was done. */
export interface BulkOut {
  recordings: string[];
  left: LeftOut[];
  jobs: string[];
  segments: number;
}

/** What this project's corrections taught about the model's risk scores. */
export interface CalibrationOut {
  /** [score, share changed], straight between; empty = the general score is as good. */
  points: number[][];
  segments: number;
  learnt_at: string;
}

/** Which rows you have been shown and left. */
export interface CandidateInRequest {
  seen?: string[];
}

/** A row at random that nobody has decided about; null where there is none. */
export interface CandidateOut {
  segment: SegmentOut | null;
}

export type CaseRuleEnum = "exact" | "initial" | "any";

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

export type ChoiceEnum = "first" | "second" | "third";

/** One answer that can be given. */
export interface ChoiceOut {
  value: string;
  label: string;
}

/** One column of the table. */
export interface ColumnOut {
  header: string;
  /** Empty = kept as metadata; ignore = left out. */
  field: FieldEnum | BlankEnum;
  /** How it was found: name, template, audio, person, or empty. */
  found: string;
}

/** What you have to say. */
export interface CommentInRequest {
  /** Members are named with @. */
  text: string;
}

/** What somebody said about a segment. */
export interface CommentOut {
  id: string;
  segment: string;
  text: string;
  author: string | null;
  at: string;
  resolved_at: string | null;
  resolved_by: string | null;
}

export interface CommentPage {
  next: string | null;
  previous: string | null;
  results: CommentOut[];
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

/** Which disputes you have been shown and left. */
export interface DisputeInRequest {
  /** Your tab. */
  client?: string;
  /** Pairs. */
  exclude?: string[];
}

/** The next dispute, leased to you; null when there is none. */
export interface DisputeOut {
  pair: PairOut | null;
  segment: SegmentOut | null;
  machine_text: string | null;
  lease: LeaseOut | null;
  /** That you may settle. */
  disputes: number;
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

/** How much of an annotator's work was drawn. */
export interface Drawn {
  username: string;
  decided: number;
  drawn: number;
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
  order: Order;
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

/** The machine's word error rate in a project; absent under 100 reviewed segments. */
export interface EstimateOut {
  overall: BoundsOut;
  reviewed: BoundsOut;
  /** By the isotonic fit over the risk. */
  remaining: BoundsOut | null;
  segments: number;
  remaining_segments: number;
  points: number[][];
  at: string;
}

/** How long the rest will take. */
export interface Eta {
  hours_at_this_pace: number | null;
  working_days: number | null;
  basis: string;
}

/** One row as it is and as it would be. */
export interface ExampleOut {
  segment: string;
  recording: string;
  recording_name: string;
  start_ms: number;
  before: string;
  after: string;
  /** locked, leased or accepted: it would be left alone. */
  standing: string;
}

/** Which rows go in. What is left out is no condition. */
export interface ExportFilterRequest {
  /** checked (unless told): a person stands behind the text. accepted: a reviewer, too. all: machines' texts that nobody has heard as well. */
  rows?: RowsEnum;
  /** Exactly these, instead of `rows`. */
  states?: SegmentState[];
  /** What the last reviewer said. */
  verdicts?: Verdict[];
  /** The text was written on this day or later, UTC. */
  since?: string;
  /** On this day or before, UTC. */
  until?: string;
  /** Whose text it is. */
  annotators?: string[];
  recordings?: string[];
}

/** How the rows are written; which of these there are depends on the format. */
export interface ExportOptionsRequest {
  /** segments: a WAV for each row (training sets). recordings: beside the texts, as they came in. none. */
  audio?: AudioEnum;
  /** Profile that texts are normalised by, such as spoken-1. */
  normalise?: string;
  /** Split into parts; no speaker, or no recording, is in two of them. */
  split_by?: SplitByEnum | BlankEnum;
  /** Percent of the audio; 80 unless told. */
  train?: number;
  /** 10 unless told. */
  validation?: number;
  /** 10 unless told. */
  test?: number;
  /** The same seed and rows give the same parts. */
  seed?: string;
}

/** One version of a dataset. */
export interface ExportOut {
  id: string;
  project: string;
  version: number;
  format: FormatEnum;
  filter: Record<string, unknown>;
  options: Record<string, unknown>;
  job: JobOut;
  created_by?: string;
  created_at: string;
  frozen_at?: string;
  /** null until it is written. */
  rows?: number;
  audio_ms?: number;
  size_bytes?: number;
  sha256?: string;
  file_name: string | null;
}

export interface ExportPage {
  next: string | null;
  previous: string | null;
  results: ExportOut[];
}

/** What an export would hold at this moment. */
export interface ExportPreviewOut {
  rows: number;
  audio_ms: number;
  /** State: rows that it keeps out. */
  left_out: Record<string, number>;
}

/** The same as ExportIn, with all that may be inside. */
export interface ExportRequestRequest {
  format: FormatEnum;
  filter?: ExportFilterRequest;
  options?: ExportOptionsRequest;
}

/** One version with its manifest and dataset card. */
export interface ExportWhole {
  id: string;
  project: string;
  version: number;
  format: FormatEnum;
  filter: Record<string, unknown>;
  options: Record<string, unknown>;
  job: JobOut;
  created_by?: string;
  created_at: string;
  frozen_at?: string;
  /** null until it is written. */
  rows?: number;
  audio_ms?: number;
  size_bytes?: number;
  sha256?: string;
  file_name: string | null;
  manifest?: Record<string, unknown>;
  /** Markdown. */
  card?: string;
}

/** A whole recording, counted. */
export interface Facets {
  total: number;
  states: Record<string, number>;
  locked: number;
  speakers: string[];
}

export type FieldEnum = "audio" | "start" | "end" | "duration" | "text" | "correction" | "id" | "speaker" | "language" | "locked" | "locked_at" | "assignee" | "version" | "ignore";

/** A column of a figure; with `interval` rows have `key`, `key_low` and `key_high`. */
export interface FigureColumnOut {
  key: string;
  label: string;
  /** text, count, share (0..1), ms, ratio, points, number or flag. */
  kind: string;
  interval: boolean;
}

/** One figure; the same rows are behind its page and its files. */
export interface FigureOut {
  figure: string;
  by: string;
  title: string;
  about: string;
  /** How intervals were found, with the source. */
  method: string;
  columns: FigureColumnOut[];
  rows: (Record<string, unknown>)[];
  summary: Record<string, unknown>;
  profile: ProfileOut;
}

export type FormatEnum = "csv" | "xlsx" | "tsv" | "jsonl" | "nemo" | "audiofolder" | "parquet" | "kaldi" | "common_voice" | "ctm" | "stm" | "rttm" | "srt" | "vtt" | "textgrid" | "eaf" | "whisper" | "whisperx" | "whisper_tsv" | "label_studio";

/** One page of what was found. */
export interface FoundOut {
  next: string | null;
  previous: string | null;
  total: number | null;
  recordings: NamedOut[];
  results: HitOut[];
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

/** A project's glossary. */
export interface GlossaryOut {
  /** In the order in which models read them. */
  terms: TermOut[];
  /** What models are told: as many as they read. */
  hotwords: string | null;
  /** Segments no person has touched: they could be transcribed again with these terms. */
  untouched: number;
}

/** What is truly said in a segment. */
export interface GoldInRequest {
  segment: string;
  text: string;
}

/** A row whose text is known. */
export interface GoldOut {
  id: string;
  segment: string;
  recording: string;
  text: string;
  author: string | null;
  created_at: string;
  withdrawn_at: string | null;
}

export interface GoldPage {
  next: string | null;
  previous: string | null;
  results: GoldOut[];
}

/** How a person did on gold; rates are pooled. */
export interface GoldRate {
  username: string;
  met: number;
  passed: number;
  pass_rate: number;
  errors: number;
  words: number;
  character_errors: number;
  characters: number;
  wer: number | null;
  cer: number | null;
  /** Normalisation of both texts. */
  profile: string;
}

/** How the project writes things down. */
export interface GuidelineInRequest {
  /** Markdown. */
  text: string;
  /** The version you saw, 0 for none. */
  base_version: number;
}

/** A version of the guideline. */
export interface GuidelineOut {
  /** 0 where nothing was written yet. */
  version: number;
  /** Markdown. */
  text: string;
  /** Rendered and cleaned. */
  html: string;
  author: string | null;
  created_at: string | null;
}

/** One version, without its text. */
export interface GuidelineVersion {
  version: number;
  author: string | null;
  created_at: string;
}

export interface GuidelineVersionPage {
  next: string | null;
  previous: string | null;
  results: GuidelineVersion[];
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

/** One segment that was found. */
export interface HitOut {
  segment: string;
  recording: string;
  recording_name: string;
  project: string;
  project_name: string;
  start_ms: number;
  end_ms: number;
  speaker: string;
  state: SegmentState;
  locked: boolean;
  risk: number | null;
  annotator: string | null;
  /** The one that is shown. */
  version: VersionOut;
  /** Others that match as well. */
  also: VersionOut[];
  snippet: PartOut[];
  /** Its sound. */
  audio: string;
  /** It in the workbench. */
  page: string;
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

/** One file of a drop. */
export interface ImportFileOut {
  id: string;
  name: string;
  kind: ImportFileOutKindEnum;
  size_bytes: number;
  duration_ms: number | null;
  recording: string | null;
  /** Why it cannot be used, or was left out. */
  cause: Cause | null;
}

export type ImportFileOutKindEnum = "table" | "transcript" | "audio" | "archive" | "ignored";

export interface ImportFilePage {
  next: string | null;
  previous: string | null;
  results: ImportFileOut[];
}

/** A form with files. */
export interface ImportFilesInRequest {
  file: string[];
}

/** A drop of files, and what became of it. */
export interface ImportOut {
  id: string;
  project: string;
  state: ImportOutStateEnum;
  /** The name of its table; empty = transcripts, or audio alone. */
  table: string;
  columns: ColumnOut[];
  /** kind, sheet, sheets, encoding, delimiter: how the table was read; options say otherwise. */
  reading: Record<string, unknown>;
  questions: QuestionOut[];
  answers: Record<string, unknown>;
  options: Record<string, unknown>;
  /** rows, ready, faulty, known, by_code; added, updated, ... later. */
  counts: Record<string, unknown>;
  preview: (Record<string, unknown>)[];
  /** Why nothing of it can be imported. */
  refusal: Cause | null;
  job: JobOut | null;
  created_by: string | null;
  created_at: string;
  finished_at: string | null;
}

export type ImportOutStateEnum = "checking" | "asking" | "checked" | "refused" | "importing" | "landing" | "done" | "cancelled";

export interface ImportPage {
  next: string | null;
  previous: string | null;
  results: ImportOut[];
}

/** One row of the table that is not imported, or not yet. */
export interface ImportRowOut {
  id: string;
  /** The file it stands in. */
  source: string;
  line: number;
  state: ImportRowOutStateEnum;
  faults: Cause[];
  cells: string[];
}

export type ImportRowOutStateEnum = "ready" | "faulty" | "waiting";

export interface ImportRowPage {
  next: string | null;
  previous: string | null;
  results: ImportRowOut[];
}

/** Files that were uploaded resumably, for an import. */
export interface ImportUploadsInRequest {
  /** Ids of uploads that were begun with `import` in their metadata, and are whole. */
  uploads: string[];
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

export type JobOutKindEnum = "transcribe" | "retranscribe" | "import" | "export" | "replace";

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

/** A recording that was left out, and why. */
export interface LeftOut {
  recording: string;
  reason: string;
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

/** Where you were named. */
export interface MentionOut {
  id: string;
  comment: CommentOut;
  project: string;
  project_name: string;
  recording: string;
  recording_name: string;
  read_at: string | null;
}

export interface MentionPage {
  next: string | null;
  previous: string | null;
  results: MentionOut[];
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

/** A recording by its name. */
export interface NamedOut {
  id: string;
  project: string;
  project_name: string;
  name: string;
  duration_ms: number | null;
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
  order?: Order;
  /** What you hold already. */
  exclude?: string[];
}

/** The next segment, leased to you; null when nothing is left to hand out. */
export interface NextOut {
  segment: SegmentDetailOut | null;
  lease: LeaseOut | null;
  why: NextOutWhyEnum | NullEnum | null;
  counts: QueueCounts;
}

export type NextOutWhyEnum = "held" | "returned" | "assigned" | "queue";

export type NullEnum = null;

/** A word that may become a term. */
export interface OfferOut {
  text: string;
  heard: string[];
  times: number;
  segments: number;
}

/** Words that people wrote in place of a machine's, most often first. */
export interface OffersOut {
  results: OfferOut[];
}

export type Order = "risk" | "time";

export type OutcomeEnum = "changed" | "locked" | "leased" | "accepted" | "moved" | "too_long" | "put_back" | "kept";

/** Review in a project: its rules, what waits, and what it found. */
export interface OverviewOut {
  rules: RulesOut;
  waiting: Waiting;
  drawn: Drawn[];
  gold: GoldRate[];
  agreement: AgreementOut;
}

/** How fast it goes; null where there is too little to tell. */
export interface Pace {
  audio_ms_per_hour: number | null;
  people: number;
  window_s: number | null;
  audio_ms_per_day: number | null;
  days: number;
}

/** A segment that two people read blind. Their texts are shown once both are there. */
export interface PairOut {
  id: string;
  segment: string;
  recording: string;
  state: PairOutStateEnum;
  readings: ReadingOut[];
  /** Symmetric, 0 to 2; null before they are compared. */
  wer: number | null;
  cer: number | null;
  substitutions: number | null;
  deletions: number | null;
  insertions: number | null;
  first_words: number | null;
  second_words: number | null;
  limit: number | null;
  profile: string;
  choice: ChoiceEnum | BlankEnum;
  settled_by: string | null;
  opened_at: string;
  settled_at: string | null;
}

export type PairOutStateEnum = "reading" | "agreed" | "disputed" | "settled";

export interface PairPage {
  next: string | null;
  previous: string | null;
  results: PairOut[];
}

/** A piece of a snippet. */
export interface PartOut {
  text: string;
  /** Whether it is what was searched for. */
  hit: boolean;
}

export type PassEnum = "draft" | "refine";

/** A lease that went over to what took the segment's place. */
export interface PassedLease {
  segment: string;
  token: string;
  expires_at: string;
}

/** What is to change. */
export interface PatchedBatchChangeRequest {
  assignee?: string;
  paused?: boolean;
}

/** Answers, and how to proceed. */
export interface PatchedImportInRequest {
  /** By code of a question; `columns` is {header: field}. */
  answers?: Record<string, unknown>;
  /** on_known update|skip, empty_text refuse|transcribe, orphans leave|transcribe, corrections text|gold, accept [codes], sheet, header_row, delimiter, template. */
  options?: Record<string, unknown>;
  save_template?: string;
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

/** How a project is reviewed. */
export interface PatchedRulesInRequest {
  review_own?: boolean;
  review_percent?: number;
  double_percent?: number;
  dispute_above?: number;
  gold_percent?: number;
  gold_limit?: number;
  sample_seed?: number;
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

/** A term. */
export interface PatchedTermInRequest {
  text?: string;
  language?: string;
  variants?: string[];
  note?: string;
  case_rule?: CaseRuleEnum;
}

/** Whether a person is given work. */
export interface PauseInRequest {
  paused: boolean;
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

/** The same as PreviewIn, with all that may be inside. */
export interface PreviewRequestRequest {
  filter?: ExportFilterRequest;
}

export type PriorityEnum = "bulk" | "fresh" | "person";

/** The normalisation that texts went through before they were compared. */
export interface ProfileOut {
  name: string;
  description: string;
}

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

/** A project's quality at a glance. */
export interface QualityOut {
  profile: ProfileOut;
  /** What was decided by then is counted. */
  scored_at: string | null;
  /** Whether these are your own figures only. */
  own: boolean;
  estimate: EstimateOut | null;
  /** Machines against what people left, by model. */
  machine: FigureOut;
  /** Pace and quality by annotator. */
  people: FigureOut;
  figures: AddressOut[];
}

/** Something that the files leave open. */
export interface QuestionOut {
  /** What to call it under `answers`. */
  code: string;
  message: string;
  choices: ChoiceOut[];
  samples: string[];
}

/** What is left, and what is not. */
export interface QueueCounts {
  total: number;
  /** Free to be handed out; with no segment in the answer, meant for others. */
  open: number;
  /** Being edited by somebody just now. */
  leased: number;
  returned_to_you: number;
  waiting_for_machine: number;
  done: number;
}

/** Which comments you have read. */
export interface ReadInRequest {
  comments: string[];
}

/** What is left unread. */
export interface ReadOut {
  /** Up to 100. */
  unread: number;
}

/** One person's text, read blind. */
export interface ReadingOut {
  place: number;
  author: string;
  kind: DecisionKind;
  text: string;
  reason: string;
}

export type ReasonEnum = "words" | "missing" | "added" | "spelling" | "style" | "tags" | "speaker" | "edges" | "unheard" | "other";

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

/** A replacement, as it was looked at. */
export interface ReplaceInRequest {
  find: string;
  put?: string;
  match_case?: boolean;
  whole_words?: boolean;
  /** Only in what this search finds. */
  query?: string;
  /** `changes` of the preview. */
  expected: number;
}

/** What a replacement would do. */
export interface ReplacePreviewOut {
  /** Rows that would change. */
  changes: number;
  /** How often it stands in them. */
  places: number;
  /** Rows left alone: locked, leased, accepted. */
  skipped: Record<string, number>;
  /** There are more than were counted. */
  more: boolean;
  examples: ExampleOut[];
}

/** What became of one row. */
export interface ReplacedRowOut {
  id: string;
  segment: string;
  recording: string;
  recording_name: string;
  start_ms: number;
  outcome: OutcomeEnum;
  /** Revision that was found. */
  before: number;
  /** Revision that was written. */
  after: number | null;
}

export interface ReplacedRowPage {
  next: string | null;
  previous: string | null;
  results: ReplacedRowOut[];
}

/** A replacement, and how far it is. */
export interface ReplacementOut {
  id: string;
  project: string;
  /** null = it was done at once. */
  job: string | null;
  find: string;
  put: string;
  match_case: boolean;
  whole_words: boolean;
  query: string;
  expected: number;
  changed: number;
  skipped: number;
  put_back: number;
  /** Rows that taking back left as they are. */
  kept: number;
  created_by: string | null;
  created_at: string;
  finished_at: string | null;
  undone_at: string | null;
}

export interface ReplacementPage {
  next: string | null;
  previous: string | null;
  results: ReplacementOut[];
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

/** Whether it is dealt with. */
export interface ResolveInRequest {
  resolved: boolean;
}

/** A verdict. */
export interface ReviewInRequest {
  verdict: Verdict;
  /** The revision you saw. */
  base_revision: number;
  /** Of a return. */
  reason?: ReasonEnum | BlankEnum;
  comment?: string;
  /** Of a fix. */
  text?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
  operation_id?: string | null;
}

/** The next segment to be reviewed, leased to you; null when nothing waits. */
export interface ReviewNextOut {
  segment: SegmentDetailOut | null;
  lease: LeaseOut | null;
  why: ReviewNextOutWhyEnum | NullEnum | null;
  counts: QueueCounts;
  /** Earlier verdicts on it. */
  reviews: ReviewOut[];
  /** What its annotator had written when it was returned last. */
  author_text: string | null;
}

export type ReviewNextOutWhyEnum = "held" | "again" | "sample";

/** A verdict on one revision of a segment. */
export interface ReviewOut {
  id: string;
  segment: string;
  /** That was judged. */
  revision: number;
  /** That it left. */
  result: number;
  verdict: Verdict;
  reason: ReasonEnum | BlankEnum;
  comment: string;
  reviewer: string | null;
  /** Whose work it was. */
  annotator: string | null;
  heard_share: number | null;
  active_ms: number | null;
  at: string;
}

/** What a verdict left. */
export interface ReviewedOut {
  segment: SegmentOut;
  review: ReviewOut;
}

/** All verdicts on a segment, newest first. */
export interface ReviewsOut {
  results: ReviewOut[];
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

export type RowsEnum = "checked" | "accepted" | "all";

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

/** How a project is reviewed. */
export interface RulesOut {
  /** Whether reviewers may judge their own work. */
  review_own: boolean;
  /** Of each annotator's decisions, drawn at random. */
  review_percent: number;
  /** Segments that two people read blind. */
  double_percent: number;
  /** Symmetric WER above which a third person decides. */
  dispute_above: number;
  /** Of what the queue hands out. */
  gold_percent: number;
  /** WER up to which a gold row is passed. */
  gold_limit: number;
  /** Behind every draw. */
  sample_seed: number;
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
  /** Not resolved. */
  comments: number;
  tags: string[];
  /** The terms of its language. */
  glossary: string[];
  /** How terms may be written, and what is heard instead. */
  spelling: SpellingOut;
  /** Columns of its sheet that mean nothing to Earmark. */
  metadata: Record<string, unknown>;
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

/** Which text is taken. */
export interface SettleInRequest {
  choice: ChoiceEnum;
  /** Of a third choice. */
  text?: string;
  /** How much of it was played. */
  heard_share?: number | null;
  active_ms?: number | null;
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

/** What is known about the terms of a glossary besides their texts. */
export interface SpellingOut {
  variants: VariantOut[];
  /** Terms that may begin with a capital. */
  initial: string[];
  /** Terms whose capitals do not matter. */
  any_case: string[];
}

export type SplitByEnum = "speaker" | "recording";

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

/** How tables of one shape are read. */
export interface TemplateOut {
  id: string;
  name: string;
  /** {header in plain form: field} */
  headers: Record<string, unknown>;
  answers: Record<string, unknown>;
}

export interface TemplatePage {
  next: string | null;
  previous: string | null;
  results: TemplateOut[];
}

/** A term. */
export interface TermInRequest {
  text: string;
  language?: string;
  variants?: string[];
  note?: string;
  case_rule?: CaseRuleEnum;
}

/** A term and what is known about it. */
export interface TermOut {
  id: string;
  text: string;
  /** In which it is said; empty = all. */
  language: string;
  /** What is heard instead of it. */
  variants: string[];
  note: string;
  case_rule: CaseRuleEnum;
  created_by: string | null;
  created_at: string;
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

/** A recording in the trash. */
export interface TrashedOut {
  id: string;
  project: string;
  project_name: string;
  name: string;
  duration_ms: number | null;
  trashed_at: string;
  trashed_by: string | null;
}

export interface TrashedPage {
  next: string | null;
  previous: string | null;
  results: TrashedOut[];
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

export type UploadOutStateEnum = "open" | "stored" | "finished" | "aborted" | "expired";

/** What became of each file of one upload. */
export interface UploadedFiles {
  recordings: RecordingOut[];
  duplicates: DuplicateFile[];
  errors: RefusedFile[];
}

/** What is heard instead of a term. */
export interface VariantOut {
  heard: string;
  term: string;
}

export type Verdict = "accept" | "return" | "fix";

/** A text of a segment. */
export interface VersionOut {
  kind: VersionOutKindEnum;
  /** Who heard it; empty for the current text. */
  model: string;
  pass: PassEnum | BlankEnum;
}

export type VersionOutKindEnum = "current" | "heard";

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

/** What waits for you as a reviewer. */
export interface Waiting {
  waiting: number;
  /** Of these: returned before, and corrected. */
  again: number;
  disputes: number;
}

/** What is to be replaced by what. */
export interface WishInRequest {
  find: string;
  put?: string;
  match_case?: boolean;
  whole_words?: boolean;
  /** Only in what this search finds. */
  query?: string;
}

/** What was decided in a span of time. */
export interface Work {
  decisions: number;
  segments: number;
  audio_ms: number;
  active_ms: number;
}

/** Who has how much to do. */
export interface WorkloadOut {
  people: WorkloadRow[];
  /** Segments in the open queue and everywhere else. */
  open: number;
}

/** What one member has to do, and has done in the last seven days. */
export interface WorkloadRow {
  id: string;
  username: string;
  name: string;
  role: RoleEnum;
  paused_at: string | null;
  /** Segments reserved for them. */
  given: number;
  /** Of these: not decided. */
  open: number;
  open_ms: number;
  /** Waiting for them to correct. */
  returned: number;
  /** Segments decided in seven days. */
  done: number;
  done_ms: number;
  /** Audio per hour at work. */
  audio_ms_per_hour: number | null;
  last_at: string | null;
  /** Verdicts on their work in seven days. */
  reviewed: number;
  /** Of these: returned. */
  sent_back: number;
}
