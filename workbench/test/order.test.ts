import { describe, expect, it } from "vitest";
import { again, Order } from "../src/order";

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

describe("again", () => {
  it("runs once more for what was asked while it ran, and never beside itself", async () => {
    const answers: (() => void)[] = [];
    let beside = 0;
    const look = again(async () => {
      expect(++beside).toBe(1);
      await new Promise<void>((resolve) => answers.push(resolve));
      beside--;
    });
    const [first, second, third] = [look(), look(), look()];
    answers[0]?.();
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve));
    expect(answers.length, "two questions meanwhile are one more look").toBe(2);
    answers[1]?.();
    await Promise.all([first, second, third]);
    expect(answers.length).toBe(2);
    const later = look();
    answers[2]?.();
    await later;
    expect(answers.length).toBe(3);
  });

  it("can be asked again after a look that failed", async () => {
    let calls = 0;
    const look = again(() => (++calls === 1 ? Promise.reject(new Error("no line")) : Promise.resolve()));
    await expect(look()).rejects.toThrow("no line");
    await look();
    expect(calls).toBe(2);
  });
});
