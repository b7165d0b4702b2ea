/** A real daemon on the clock driver, as a process with a configuration of its own, and a hand that sends OSC. */

import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The first start compiles the audio code. */
export const FIRST_START_MS = 240_000;

const PROGRAM = process.env.STEMFIELD ?? join(import.meta.dirname, "../../../.venv/bin/stemfield");

export class Daemon {
  private process: ChildProcess | null = null;
  private log = "";
  private hand: Socket | null = null;
  private readonly folder = mkdtempSync(join(tmpdir(), "stemfield-page-"));

  private constructor(
    readonly http: number,
    readonly osc: number,
    private readonly options: string[],
    config: string,
  ) {
    const text = [
      ...(config.includes("layout:") ? [] : ["layout: 7.1.4"]),
      ...(config.includes("driver:") ? [] : ["driver: clock"]),
      `http: {port: ${http}}`,
      `osc: {port: ${osc}}`,
      "s3a: {enabled: false}",
      "discovery: {enabled: false}",
      `state_folder: ${this.folder}/state`,
      config,
    ];
    writeFileSync(join(this.folder, "config.yaml"), text.join("\n"));
  }

  static async make(options: string[] = [], config = ""): Promise<Daemon> {
    return new Daemon(await freePort(), await freePort(), options, config);
  }

  get url(): string {
    return `http://127.0.0.1:${this.http}/`;
  }

  async start(): Promise<this> {
    const child = spawn(PROGRAM, ["serve", "--config", join(this.folder, "config.yaml"), ...this.options]);
    this.process = child;
    this.log = "";
    // Where a test runs out of time, nobody else ends it.
    process.once("exit", () => child.kill("SIGKILL"));
    await new Promise<void>((ready, failed) => {
      const hear = (data: Buffer) => {
        this.log += data.toString();
        if (this.log.includes("is ready")) ready();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("exit", () => failed(new Error(this.log)));
    });
    return this;
  }

  async stop(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
  }

  async close(): Promise<void> {
    await this.stop();
    this.hand?.close();
    rmSync(this.folder, { recursive: true });
  }

  /** The values of an address. */
  async ask(address: string): Promise<(number | string | boolean)[]> {
    const answer = await fetch(`${this.url}${encodeURI(address.slice(1))}?VALUE`);
    return ((await answer.json()) as { VALUE: (number | string | boolean)[] }).VALUE;
  }

  /** What it has printed. */
  get said(): string {
    return this.log;
  }

  /** Sends OSC by UDP. */
  async send(address: string, ...values: (number | string)[]): Promise<void> {
    await this.throw(message(address, values));
  }

  /** Sends many messages in one bundle. */
  async sendAll(messages: [string, ...number[]][]): Promise<void> {
    const parts = messages.map(([address, ...values]) => {
      const data = message(address, values);
      const size = Buffer.alloc(4);
      size.writeUInt32BE(data.length);
      return Buffer.concat([size, data]);
    });
    await this.throw(Buffer.concat([Buffer.from("#bundle\0\0\0\0\0\0\0\0\x01", "latin1"), ...parts]));
  }

  private async throw(packet: Buffer): Promise<void> {
    this.hand ??= createSocket("udp4").unref();
    await new Promise((done) => this.hand!.send(packet, this.osc, "127.0.0.1", done));
  }

  /** Energy of some loudspeakers over a time, from the meters of what was rendered. */
  async energies(labels: string[], seconds: number): Promise<number[]> {
    const sums = labels.map(() => 0);
    const end = Date.now() + 1000 * seconds;
    while (Date.now() < end) {
      const levels = await Promise.all(labels.map((label) => this.ask(`/meter/speaker/${label}`)));
      levels.forEach((level, i) => (sums[i] = sums[i]! + 10 ** (Number(level[1]) / 10)));
      await new Promise((done) => setTimeout(done, 100));
    }
    return sums;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address ? address.port : 0;
}

function message(address: string, values: (number | string)[]): Buffer {
  const padded = (text: string) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
  };
  const data = values.map((value) => {
    if (typeof value === "string") return padded(value);
    const bytes = Buffer.alloc(4);
    bytes.writeFloatBE(value);
    return bytes;
  });
  const tags = `,${values.map((value) => (typeof value === "string" ? "s" : "f")).join("")}`;
  return Buffer.concat([padded(address), padded(tags), ...data]);
}
