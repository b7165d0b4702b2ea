/** Labels in the 3-D view: all in one texture, drawn in one call, facing the camera. */

import { CanvasTexture, InstancedBufferAttribute, InstancedBufferGeometry, Mesh, PlaneGeometry, ShaderMaterial } from "three";

const LINE_PX = 40;
const FONT_PX = 30;
const COLUMN_PX = 512;
const COLUMNS = 4;

export interface Label {
  text: string;
  tone: string;
  /** Line height, in units of the scene. */
  height: number;
}

const VERTEX = `
attribute vec3 place;
attribute vec2 size;
attribute vec4 cell;
varying vec2 spot;
void main() {
  spot = cell.xy + cell.zw * (position.xy + 0.5);
  vec4 middle = modelViewMatrix * vec4(place, 1.0);
  middle.xy += position.xy * size;
  gl_Position = projectionMatrix * middle;
}`;

const FRAGMENT = `
uniform sampler2D picture;
varying vec2 spot;
void main() {
  gl_FragColor = texture2D(picture, spot);
  if (gl_FragColor.a < 0.02) discard;
}`;

export class Labels {
  readonly mesh: Mesh<InstancedBufferGeometry, ShaderMaterial>;
  private readonly places: InstancedBufferAttribute;
  private readonly picture: CanvasTexture;

  constructor(labels: Label[]) {
    const canvas = document.createElement("canvas");
    canvas.width = COLUMN_PX * COLUMNS;
    canvas.height = LINE_PX * Math.max(Math.ceil(labels.length / COLUMNS), 1);
    const pen = canvas.getContext("2d")!;
    pen.font = `600 ${FONT_PX}px sans-serif`;
    const sizes = new Float32Array(2 * labels.length);
    const cells = new Float32Array(4 * labels.length);
    labels.forEach(({ text, tone, height }, i) => {
      const [left, top] = [COLUMN_PX * (i % COLUMNS), LINE_PX * Math.floor(i / COLUMNS)];
      const width = Math.min(pen.measureText(text).width, COLUMN_PX - 8) + 8;
      pen.fillStyle = tone;
      pen.fillText(text, left + 4, top + FONT_PX, COLUMN_PX - 8);
      sizes.set([(height * width) / LINE_PX, height], 2 * i);
      cells.set([left / canvas.width, 1 - (top + LINE_PX) / canvas.height, width / canvas.width, LINE_PX / canvas.height], 4 * i);
    });
    this.picture = new CanvasTexture(canvas);
    this.places = new InstancedBufferAttribute(new Float32Array(3 * labels.length), 3);
    const plane = new PlaneGeometry(1, 1);
    const geometry = new InstancedBufferGeometry();
    geometry.index = plane.index;
    geometry.setAttribute("position", plane.getAttribute("position"));
    geometry.setAttribute("place", this.places);
    geometry.setAttribute("size", new InstancedBufferAttribute(sizes, 2));
    geometry.setAttribute("cell", new InstancedBufferAttribute(cells, 4));
    geometry.instanceCount = labels.length;
    this.mesh = new Mesh(geometry, new ShaderMaterial({ vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms: { picture: { value: this.picture } }, transparent: true, depthTest: false, depthWrite: false }));
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = 1;
  }

  place(index: number, x: number, y: number, z: number): void {
    this.places.setXYZ(index, x, y, z);
    this.places.needsUpdate = true;
  }

  dispose(): void {
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
    this.picture.dispose();
  }
}
