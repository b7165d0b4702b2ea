/** How the room is displayed and how objects are dragged in it. */

import type { Signal } from "@preact/signals-core";
import type { Surface, View } from "./geometry";

export type Shown = View | "3d";

export interface Look {
  shown: Signal<Shown>;
  surface: Signal<Surface>;
  /** Whether objects snap to a grid. */
  snaps: Signal<boolean>;
  /** Whether the panning regions are drawn. */
  regions: Signal<boolean>;
}
