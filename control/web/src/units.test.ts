import { describe, expect, it } from "vitest";
import { ANGLE, DIRECTION, GROUP, LEVEL, METRES, SHARE, TIME, type Unit } from "./units";

const read = (unit: Unit, ...texts: string[]) => texts.map(unit.read);

describe("typed values", () => {
  it("are read as people write them", () => {
    expect(read(LEVEL, "-6", "−6,5 dB", " +3 ", "3dB", "silent", "-inf", "-∞ dB", ".5")).toEqual([-6, -6.5, 3, 3, -120, -120, -120, 0.5]);
    expect(read(SHARE, "50", "50 %", "12,5%")).toEqual([0.5, 0.5, 0.125]);
    expect(read(ANGLE, "45", "45°", "-30 deg")).toEqual([45, 45, -30]);
    expect(read(TIME, "1.5", "1.5 s", "50 ms")).toEqual([1.5, 1.5, 0.05]);
    expect(read(METRES, "2", "1,5 m", "80 cm")).toEqual([2, 1.5, 0.8]);
    expect(read(GROUP, "none", "3")).toEqual([0, 3]);
    expect(read(DIRECTION, "30 left", "30° right", "30r", "left", "Behind", "in front", "-45")).toEqual([30, -30, -30, 90, 180, 0, -45]);
  });
  it("come back from what is shown", () => {
    for (const [unit, ...values] of [[LEVEL, -120, -6.5, 0, 3], [SHARE, 0, 0.37, 1], [ANGLE, -90, 0, 360], [TIME, 0, 0.05, 2.5], [METRES, 0.1, 1.5, 12], [GROUP, 0, 16], [DIRECTION, 0, 30, -110, 90, -90, 180]] as [Unit, ...number[]][])
      for (const value of values) expect(unit.read(unit.say(value)), unit.say(value)).toBeCloseTo(value);
  });
  it("are nothing else", () => {
    for (const unit of [LEVEL, SHARE, ANGLE, TIME, METRES, GROUP, DIRECTION]) for (const text of ["", "loud", "1e9", "3 apples", "--3", "NaN", "Infinity", "1 2", "0x10"]) expect(unit.read(text), text).toBeNaN();
  });
});
