/** Draws the 3-D view: one call for each kind of thing, and none in a frame in which nothing changed. */

import {
  BoxGeometry,
  BufferAttribute,
  BufferGeometry,
  Color,
  DoubleSide,
  DynamicDrawUsage,
  InstancedMesh,
  Line,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  Object3D,
  PerspectiveCamera,
  type Ray,
  RingGeometry,
  Scene,
  SphereGeometry,
  Vector3,
  WebGLRenderer,
} from "three";
import type { ObjectView } from "./app";
import { ELSEWHERE_DEG } from "./dot";
import { type Aed, angleBetween, position, RIM, type Xyz } from "./geometry";
import { type Label, Labels } from "./labels3d";
import type { SceneObject, Speaker, Telemetry } from "./protocol";
import { meterLength, shorten } from "./format";

const BALL = 0.05;
/** Height of a label above its ball. */
const ABOVE = 0.06;
const LATE_MS = 24;
const LATE_FRAMES = 12;
const MIN_RATIO = 0.5;

/** Converts three's axes (x right, y up, z back) to those of the scene (x front, y left, z up). */
export const fromThree = (v: Vector3): Xyz => [-v.z, -v.x, v.y];

interface Ball {
  voice: ObjectView;
  own: Aed | undefined;
  x: number;
  y: number;
  z: number;
  level: number;
  /** Where it is heard, if elsewhere than placed. */
  heard: Xyz | null;
}

export class Stage {
  readonly camera = new PerspectiveCamera(45, 1, 0.1, 50);
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly ring: Mesh<RingGeometry, MeshBasicMaterial>;
  private balls: Ball[] = [];
  private ballMesh: InstancedMesh | null = null;
  private ballLabels: Labels | null = null;
  private lines: LineSegments<BufferGeometry, LineBasicMaterial> | null = null;
  private boxMesh: InstancedMesh | null = null;
  private boxLabels: Labels | null = null;
  private boxLevels: number[] = [];
  private chosen = -1;
  private scale = 1;
  private turned = 0;
  private tilt = 0.5;
  private far = 3.1;
  private changed = true;
  private drawnAt = 0;
  private late = 0;
  private readonly tone = new Color();

  /** Throws an error without WebGL. */
  constructor() {
    // High-resolution screens need no antialiasing, and it is expensive without a GPU.
    this.renderer = new WebGLRenderer({ antialias: devicePixelRatio < 2, alpha: true });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    for (const height of [0, 0.5]) {
      const radius = Math.sqrt(1 - height ** 2);
      const circle = new Mesh(new RingGeometry(radius - 0.004, radius + 0.004, 96), new MeshBasicMaterial({ color: 0x4a5565, side: DoubleSide }));
      circle.rotation.x = Math.PI / 2;
      circle.position.y = height;
      this.scene.add(circle);
    }
    const nose = new BufferGeometry().setFromPoints([new Vector3(-0.06, 0, 0.03), new Vector3(0, 0, -0.14), new Vector3(0.06, 0, 0.03), new Vector3(-0.06, 0, 0.03)]);
    this.scene.add(new Line(nose, new LineBasicMaterial({ color: 0xdfe6ee })));
    this.ring = new Mesh(new RingGeometry(BALL * 1.5, BALL * 1.75, 32), new MeshBasicMaterial({ color: 0xffffff, side: DoubleSide, depthTest: false }));
    this.ring.renderOrder = 2;
    this.scene.add(this.ring);
    this.moveCamera();
  }

  get canvas(): HTMLCanvasElement {
    return this.renderer.domElement;
  }

  resize(width: number, height: number): void {
    if (width < 1 || height < 1) return;
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.changed = true;
  }

  /** Creates the loudspeakers. */
  setSpeakers(speakers: Speaker[], scale: number): void {
    this.clear(this.boxMesh, this.boxLabels);
    const mesh = (this.boxMesh = new InstancedMesh(new BoxGeometry(0.06, 0.06, 0.06), new MeshBasicMaterial(), speakers.length));
    const labels = (this.boxLabels = new Labels(speakers.map(({ label }): Label => ({ text: label, tone: "#aab4c0", height: 0.05 }))));
    const stand = new Object3D();
    speakers.forEach(({ azimuth, elevation, radius }, i) => {
      const [x, y, z] = position([azimuth, elevation, radius / scale]);
      stand.position.set(-y, z, -x);
      stand.lookAt(0, 0, 0);
      stand.updateMatrix();
      mesh.setMatrixAt(i, stand.matrix);
      labels.place(i, -1.04 * y, 1.04 * z + 0.09, -1.04 * x);
    });
    this.boxLevels = speakers.map(() => -1);
    this.boxLevels.forEach((_, i) => this.setBoxLevel(i, 0));
    this.scene.add(mesh, labels.mesh);
    this.changed = true;
  }

  /** Creates the objects. */
  setObjects(voices: ObjectView[], scale: number): void {
    this.clear(this.ballMesh, this.ballLabels);
    this.lines?.removeFromParent();
    this.lines?.geometry.dispose();
    this.scale = scale;
    this.balls = voices.map((voice) => ({ voice, own: undefined, x: 0, y: 0, z: 0, level: 0, heard: null }));
    const mesh = (this.ballMesh = new InstancedMesh(new SphereGeometry(BALL, 20, 14), new MeshBasicMaterial(), voices.length));
    mesh.instanceMatrix.setUsage(DynamicDrawUsage);
    mesh.frustumCulled = false;
    const tones = voices.map((voice) => voice.colour);
    this.ballLabels = new Labels(voices.map(({ item }, i): Label => ({ text: shorten(item.label), tone: tones[i]!, height: voices.length > 24 ? 0.055 : 0.08 })));
    // For each object a line to the floor, and one to where it is heard.
    const lines = new BufferGeometry();
    const colours = new Float32Array(12 * voices.length);
    tones.forEach((tone, i) => {
      mesh.setColorAt(i, this.tone.set(tone));
      for (let corner = 0; corner < 4; corner++) this.tone.clone().multiplyScalar(corner < 2 ? 0.35 : 0.8).toArray(colours, 12 * i + 3 * corner);
    });
    lines.setAttribute("position", new BufferAttribute(new Float32Array(12 * voices.length), 3).setUsage(DynamicDrawUsage));
    lines.setAttribute("color", new BufferAttribute(colours, 3));
    this.lines = new LineSegments(lines, new LineBasicMaterial({ vertexColors: true }));
    this.lines.frustumCulled = false;
    this.scene.add(mesh, this.ballLabels.mesh, this.lines);
    this.changed = true;
  }

  choose(id: number): void {
    this.chosen = id;
    this.changed = true;
  }

  /** Sets levels, and where the objects are heard, if that is known. */
  setLevels(t: Telemetry, isKnown: boolean): void {
    this.boxLevels.forEach((_, i) => this.setBoxLevel(i, meterLength(t.speakers[3 * i] ?? -120)));
    for (const ball of this.balls) {
      const { row, isHeard } = ball.voice;
      const level = isKnown && isHeard.peek() ? Math.round(40 * meterLength(t.objects[2 * row] ?? -120)) / 40 : 0;
      if (level !== ball.level) this.changed = true;
      ball.level = level;
      const heard: Xyz = isKnown ? [t.heard[3 * row] ?? 0, t.heard[3 * row + 1] ?? 0, t.heard[3 * row + 2] ?? 0] : [0, 0, 0];
      const differs = Math.hypot(...heard) > 0.1 && angleBetween(heard, position(ball.own ?? [0, 0, 1])) > ELSEWHERE_DEG;
      if (differs || ball.heard) this.changed = true;
      ball.heard = differs ? heard : null;
    }
  }

  turn(left: number, up: number): void {
    this.turned += left;
    this.tilt = Math.min(Math.max(this.tilt + up, -0.2), 1.5);
    this.moveCamera();
  }

  zoom(by: number): void {
    this.far = Math.min(Math.max(this.far * by, 1.5), 8);
    this.moveCamera();
  }

  /** The object nearest to a ray, within reach. */
  nearest(ray: Ray, reach: number): SceneObject | undefined {
    const spot = new Vector3();
    let best = reach;
    let found: SceneObject | undefined;
    for (const { x, y, z, voice } of this.balls) {
      const off = ray.distanceToPoint(spot.set(x, y, z));
      if (off < best) [best, found] = [off, voice.item];
    }
    return found;
  }

  /** Draws if something changed. */
  draw(now: number): void {
    for (const ball of this.balls) {
      const own = ball.voice.aed.peek() as Aed | undefined;
      if (own === ball.own) continue;
      ball.own = own;
      this.changed = true;
    }
    if (!this.changed) {
      this.late = 0;
      return;
    }
    this.changed = false;
    this.balls.forEach((ball, i) => this.placeBall(ball, i));
    if (this.ballMesh) this.ballMesh.instanceMatrix.needsUpdate = true;
    if (this.lines) this.lines.geometry.getAttribute("position").needsUpdate = true;
    this.renderer.render(this.scene, this.camera);
    this.reduceResolution(now);
  }

  dispose(): void {
    this.clear(this.ballMesh, this.ballLabels);
    this.clear(this.boxMesh, this.boxLabels);
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  /** Reduces the resolution after several late frames. */
  private reduceResolution(now: number): void {
    this.late = now - this.drawnAt > LATE_MS && now - this.drawnAt < 10 * LATE_MS ? this.late + 1 : 0;
    this.drawnAt = now;
    const ratio = this.renderer.getPixelRatio();
    if (this.late < LATE_FRAMES || ratio <= MIN_RATIO) return;
    this.late = 0;
    this.renderer.setPixelRatio(Math.max(0.75 * ratio, MIN_RATIO));
    this.changed = true;
  }

  private placeBall(ball: Ball, i: number): void {
    const [azimuth, elevation, far] = ball.own ?? [0, 0, 1];
    const [front, left, up] = position([azimuth, elevation, Math.min(far / this.scale, RIM)]);
    [ball.x, ball.y, ball.z] = [-left, up, -front];
    const size = 0.8 + 1.2 * ball.level;
    const matrix = this.ballMesh!.instanceMatrix.array;
    matrix[16 * i] = matrix[16 * i + 5] = matrix[16 * i + 10] = size;
    matrix[16 * i + 12] = ball.x;
    matrix[16 * i + 13] = ball.y;
    matrix[16 * i + 14] = ball.z;
    matrix[16 * i + 15] = 1;
    this.ballLabels!.place(i, ball.x, ball.y + BALL * size + ABOVE, ball.z);
    const ends = this.lines!.geometry.getAttribute("position");
    ends.setXYZ(4 * i, ball.x, ball.y, ball.z);
    ends.setXYZ(4 * i + 1, ball.x, 0, ball.z);
    ends.setXYZ(4 * i + 2, ball.x, ball.y, ball.z);
    const { heard } = ball;
    const out = heard ? Math.min(far / this.scale, 1) / Math.hypot(...heard) : 0;
    if (heard) ends.setXYZ(4 * i + 3, -heard[1] * out, heard[2] * out, -heard[0] * out);
    else ends.setXYZ(4 * i + 3, ball.x, ball.y, ball.z);
    if (ball.voice.item.id !== this.chosen) return;
    this.ring.position.set(ball.x, ball.y, ball.z);
    this.ring.scale.setScalar(size);
    this.ring.lookAt(this.camera.position);
  }

  private setBoxLevel(i: number, level: number): void {
    const next = Math.round(50 * level) / 50;
    if (next === this.boxLevels[i]) return;
    this.boxLevels[i] = next;
    this.boxMesh!.setColorAt(i, this.tone.setHSL(0.11, 0.8 * next, 0.45 + 0.3 * next));
    this.boxMesh!.instanceColor!.needsUpdate = true;
    this.changed = true;
  }

  private moveCamera(): void {
    this.camera.position.set(this.far * Math.sin(this.turned) * Math.cos(this.tilt), this.far * Math.sin(this.tilt), this.far * Math.cos(this.turned) * Math.cos(this.tilt));
    this.camera.lookAt(0, 0.1, 0);
    this.camera.updateMatrixWorld();
    this.changed = true;
  }

  private clear(mesh: InstancedMesh | null, labels: Labels | null): void {
    mesh?.removeFromParent();
    mesh?.geometry.dispose();
    mesh?.dispose();
    labels?.mesh.removeFromParent();
    labels?.dispose();
  }
}
