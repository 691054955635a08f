"""One stream of a camera, main or sub: where it is, what it films, who sees it."""

from simulators.camera import sdp
from simulators.camera.broadcast import Broadcast, Programme
from simulators.camera.encoder import Video
from simulators.camera.footage import EncodedLoop
from simulators.camera.lies import Lie
from simulators.camera.viewer import SOUND, VIDEO


class Stream:
    """Its footage and its broadcast; live from a `Video` or played from a loop."""

    def __init__(self, name: str, path: str, programme: Programme, broadcast: Broadcast) -> None:
        self.name = name
        self.path = path
        self.broadcast = broadcast
        self._footage = programme.footage
        self._programme = programme

    @property
    def tracks(self) -> tuple[int, ...]:
        """Those that can be set up."""
        return (VIDEO,) if self._programme.tone is None else (VIDEO, SOUND)

    def sdp(self, lie: Lie) -> str:
        """Its description, with the parameter sets of now."""
        return sdp.describe(
            self._footage.parameter_sets,
            codec=self._programme.codec,
            fps=self._programme.fps,
            tone=self._programme.tone,
            lie=lie,
        )

    def track_of(self, path: str) -> int | None:
        """Which track that path names, 0 for the stream as a whole; None if it is none of ours."""
        if path == self.path:
            return VIDEO
        named = [track for track in self.tracks if path == f"{self.path}/{sdp.track_name(track)}"]
        return named[0] if named else None

    def change_parameters(self, to: Video | EncodedLoop) -> None:
        """Other parameter sets from the next picture on, which is a key frame. Raises ValueError for another kind."""
        video = to.video if isinstance(to, EncodedLoop) else to
        if (video.codec, video.fps) != (self._programme.codec, self._programme.fps):
            raise ValueError(f"stream {self.name}: codec and frame rate can't change")
        self._footage.change(to)
        self.broadcast.want_key()
