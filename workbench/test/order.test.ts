import { describe, expect, it } from "vitest";
import { Order } from "../src/order";

describe("Order", () => {
  it("shows no answer that a later question's answer has overtaken", () => {
    const order = new Order();
    const [early, late] = [order.ask(), order.ask()];
    expect(order.newest("a", late)).toBe(true);
    expect(order.newest("a", early)).toBe(false);
    expect(order.newest("b", early), "of another row it is the newest").toBe(true);
    expect(order.newest("a", order.ask())).toBe(true);
  });

  it("takes every answer where they come in order", () => {
    const order = new Order();
    expect([order.ask(), order.ask(), order.ask()].map((asked) => order.newest("a", asked))).toEqual([true, true, true]);
  });
});
