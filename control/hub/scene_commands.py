"""Commands about saved scenes, and undo and redo."""

from __future__ import annotations

from collections.abc import Callable

from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import DeleteScene, LoadScene, Redo, SaveScene, Undo
from stemfield.control.parameters.commands import Problem
from stemfield.control.parameters.recall import recall_of, recalled, undone
from stemfield.control.scenes.library import Step
from stemfield.layouts.problems import RefusedError, shortened
from stemfield.renderer.scene.scene import Scene

Move = Callable[[Scene], Step]


class SceneCommands:
    """Carries them out for a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        hub.on(SaveScene, self._save)
        hub.on(LoadScene, self._load)
        hub.on(DeleteScene, self._delete)
        hub.on(Undo, self._undo)
        hub.on(Redo, self._redo)

    def _save(self, command: SaveScene, peer: Peer) -> None:
        hub = self._hub
        if rewrite := hub.library.save(command.name, hub.scene, self._reporter("/scene/save", peer)):
            hub.history.rewritten(rewrite)

    def _load(self, command: LoadScene, peer: Peer) -> None:
        hub = self._hub
        recall = recall_of(command.scope, command.without, hub.scene.recall)
        saved, problems = hub.library.load(command.name)
        hub.history.end_step()
        hub.replace_scene(recalled(hub.scene, saved, recall), command.fade_s)
        hub.history.end_step()
        hub.library.mark(command.name, hub.scene)
        for problem in shortened(problems):
            hub.reports.report(Problem(command.address, problem), peer)

    def _delete(self, command: DeleteScene, _: Peer) -> None:
        self._hub.history.rewritten(self._hub.library.delete(command.name))

    def _undo(self, command: Undo, peer: Peer) -> None:
        if command.pressed:
            history = self._hub.history
            self._step(history.undo, history.redo, "/scene/undo", peer)

    def _redo(self, command: Redo, peer: Peer) -> None:
        if command.pressed:
            history = self._hub.history
            self._step(history.redo, history.undo, "/scene/redo", peer)

    def _step(self, step: Move, back: Move, address: str, peer: Peer) -> None:
        hub = self._hub
        found = step(hub.scene)
        if isinstance(found, Scene):
            hub.show(undone(hub.scene, found))
            return
        content = found.before if address == "/scene/undo" else found.after
        try:
            hub.library.restore(found.name, content, self._reporter(address, peer))
        except RefusedError:
            back(hub.scene)  # the step was not taken
            raise

    def _reporter(self, address: str, peer: Peer) -> Callable[[str], None]:
        return lambda text: self._hub.reports.report(Problem(address, text), peer)
