// Which way a text is written.

export type Direction = "auto" | "ltr" | "rtl";

export function turned(now: Direction, shown: "ltr" | "rtl"): Direction {
  if (now !== "auto") return "auto";
  return shown === "rtl" ? "ltr" : "rtl";
}
