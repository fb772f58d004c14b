"""The agent: capture, courier and retention in one process, until it is told to stop or all is proven."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from malote import durable
from malote.clock import CLOCK, Clock
from malote.config import TillSettings
from malote.disk import DISK, Disk
from malote.schema import till_update
from malote.till import diagnosis, load_news, salvage, storage, watch
from malote.till.capture import Capture
from malote.till.contact_report import TillSigns
from malote.till.courier import Courier
from malote.till.draining import Drain, Drained
from malote.till.folder_counts import FolderSight
from malote.till.loads.loads_database import LoadsDamagedError
from malote.till.loads.loads_upkeep import LoadsUpkeep
from malote.till.lock import AgentLock
from malote.till.outbox import Outbox
from malote.till.own_files import close_files
from malote.till.retention import clear_proven, drop_old_contents
from malote.till.server_client import ServerClient, ServerError
from malote.till.storage import OutboxDamagedError, OutboxError
from malote.till.trouble_notices import Voice

RETENTION_SECONDS = 600.0
# A slow network drive is not looked through more often than this many times what one look takes.
SCANS_APART = 20
_TICK_SECONDS = 0.2
_FAREWELL_SECONDS = 5.0


class Agent:
    """Everything the till's process does. ``home`` holds the outbox; one agent at a time runs on it."""

    def __init__(
        self,
        outbox_path: Path,
        settings: TillSettings,
        token: str,
        voice: Voice,
        *,
        clock: Clock = CLOCK,
        disk: Disk = DISK,
    ) -> None:
        self._path = outbox_path
        self._settings = settings
        self._token = token
        self._voice = voice
        self._clock, self._disk = clock, disk
        # A plain flag, since a signal handler that sets an event its own thread waits for may wait for ever.
        self._stopping = False
        self._session_over = threading.Event()
        self._look = threading.Event()
        self._rescan = threading.Event()
        self._changed: set[str] = set()
        self._changed_lock = threading.Lock()
        self._new_files = threading.Event()
        self._load_news = threading.Event()
        self._failure: BaseException | None = None
        self._sight = FolderSight()
        self._signs = TillSigns(voice, self._sight, clock.now)
        self._distress_due = 0.0  # by the monotonic clock
        self._loads = LoadsUpkeep(outbox_path, settings, voice, clock, disk)

    def stop(self) -> None:
        """Ends ``run`` or ``drain`` soon, with everything safe. May be called from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Works until ``stop``. Raises ``OutboxError`` when it can't even begin, ``SetupError`` likewise.

        A full disk is waited for, since somebody must hear of it: the server is told.
        """
        with self._server() as server, load_news.listening(self._server, self._hear_of_loads):
            self._warn_of_clear_text(server)
            while not self._stopping:
                try:
                    with self._locked():
                        self._voice.over("outbox")
                        while not self._stopping:
                            self._session(server)
                except OutboxError as error:
                    self._tell_distress(server, error)
                    if error.code != "till_disk_full":
                        raise
                    self._voice.trouble("outbox", error.code, **error.facts)
                    self._session_over.wait(self._settings.retry_first_seconds)

    def drain(self, timeout: float | None, progress: Callable[[Outbox], None] = lambda _: None) -> Drained:
        """Captures what is there, sends it, and waits until it is proven, at most ``timeout`` seconds.

        Without a timeout it waits for proof as long as it takes, but not long for a server that can't be reached.
        """
        with self._locked(), self._server() as server:
            self._warn_of_clear_text(server)
            deadline = self._clock.monotonic() + timeout if timeout is not None else None
            while True:
                try:
                    with Outbox(self._path, disk=self._disk) as outbox:
                        return self._drain(outbox, server, deadline, progress)
                except OutboxDamagedError:
                    self._rebuild()

    # ---- draining ----

    def _drain(
        self, outbox: Outbox, server: ServerClient, deadline: float | None, progress: Callable[[Outbox], None]
    ) -> Drained:
        capture, courier = self._capture(outbox), self._courier(outbox, server)
        drain = Drain(outbox, capture, courier, rescan=self._rescan, clock=self._clock, deadline=deadline)
        while not self._stopping and drain.goes_on(progress):
            pass
        clear_proven(outbox, self._settings, self._voice)
        drop_old_contents(outbox, self._settings, self._clock.now())
        self._loads.once()
        return drain.ended()

    # ---- running ----

    def _session(self, server: ServerClient) -> None:
        """Runs the threads on one outbox file until they are stopped, or the file turns out to be damaged."""
        self._session_over.clear()
        self._failure = None
        works: dict[str, Callable[[], None]] = {
            "capture": self._capture_loop,
            "courier": lambda: self._courier_loop(server),
            "watch": self._watch_loop,
            "loads": lambda: self._loads.run(self._session_over),
        }
        threads = [
            threading.Thread(target=self._guarded, args=(name, work), name=name, daemon=True)
            for name, work in works.items()
        ]
        for thread in threads:
            thread.start()
        # Waiting in short steps lets signals through, on Windows too.
        while not self._session_over.wait(_TICK_SECONDS):
            if self._stopping:
                self._session_over.set()
        self._look.set()
        self._new_files.set()
        failure: BaseException | None = self._failure
        for thread in threads:
            # A request under way may take long; leaving it is as safe as any lost reply. A damaged file must be let go.
            is_damaged = isinstance(failure, OutboxDamagedError | LoadsDamagedError)
            thread.join(None if is_damaged else _FAREWELL_SECONDS)
        if isinstance(failure, OutboxDamagedError):
            self._rebuild()
        elif isinstance(failure, LoadsDamagedError):
            self._loads.make_anew(failure)
        elif failure is not None:
            raise failure

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        """The outermost loop of a thread: whatever ends it ends the session, and is raised again by the main one."""
        while not self._session_over.is_set():
            try:
                work()
            except (OutboxDamagedError, LoadsDamagedError) as error:
                self._failure = error
                self._session_over.set()
            except OutboxError as error:
                # A full disk, a lock held for too long: nothing was changed, and the same is tried again.
                self._voice.trouble(name, error.code, **error.facts)
                self._session_over.wait(self._settings.retry_first_seconds)
            except BaseException as error:  # noqa: BLE001 - the outermost loop
                self._failure = self._failure or error
                self._session_over.set()

    def _capture_loop(self) -> None:
        with Outbox(self._path, disk=self._disk) as outbox:
            capture = self._capture(outbox)
            rescan_due = retention_due = soonest = self._clock.monotonic()
            while not self._session_over.is_set():
                if self._rescan.is_set():
                    self._rescan.clear()
                    capture.reload()
                    rescan_due = self._clock.monotonic()
                if self._clock.monotonic() >= rescan_due:
                    began = self._clock.monotonic()
                    capture.rescan()
                    took = self._clock.monotonic() - began
                    soonest = began + took * SCANS_APART
                    rescan_due = max(began + self._settings.rescan_seconds, soonest)
                capture.look_at(self._take_changed())
                self._capture_due(capture)
                if capture.suspects:  # a loss is told soon, and not at the next turn
                    rescan_due = min(rescan_due, max(soonest, self._clock.monotonic() + self._settings.quiet_seconds))
                if self._clock.monotonic() >= retention_due:
                    clear_proven(outbox, self._settings, self._voice)
                    drop_old_contents(outbox, self._settings, self._clock.now())
                    retention_due = self._clock.monotonic() + min(RETENTION_SECONDS, self._settings.rescan_seconds)
                if capture.works:
                    self._voice.over("capture")
                self._look.wait(_soonest(capture.next_due(), rescan_due - self._clock.monotonic()))
                self._look.clear()

    def _capture_due(self, capture: Capture) -> None:
        for new in capture.capture_due():
            if new:
                self._new_files.set()
            if self._session_over.is_set():
                return

    def _courier_loop(self, server: ServerClient) -> None:
        with self._opened_or_told(server) as outbox:
            courier = self._courier(outbox, server)
            while not self._session_over.is_set():
                if self._load_news.is_set():
                    self._load_news.clear()
                    courier.contact_soon()
                wait = courier.step()
                self._voice.over("courier")
                if wait > 0:
                    self._new_files.wait(wait)
                    self._new_files.clear()

    def _watch_loop(self) -> None:
        folder = Path(self._settings.folder).absolute()
        watch.watch(
            folder,
            self._note_changed,
            self._session_over,
            recursive=self._settings.recursive,
            retry_seconds=self._settings.rescan_seconds,
        )

    def _note_changed(self, paths: set[str]) -> None:
        with self._changed_lock:
            self._changed |= paths
        self._look.set()

    def _hear_of_loads(self) -> None:
        self._load_news.set()
        self._new_files.set()  # the courier waits for those

    def _take_changed(self) -> set[str]:
        with self._changed_lock:
            taken, self._changed = self._changed, set()
        return taken

    # ---- shared ----

    def _capture(self, outbox: Outbox) -> Capture:
        clock = self._clock
        return Capture(outbox, self._settings, self._voice, sight=self._sight, monotonic=clock.monotonic, now=clock.now)

    def _courier(self, outbox: Outbox, server: ServerClient) -> Courier:
        return Courier(
            outbox,
            server,
            self._settings,
            self._voice,
            ask_for_rescan=self._ask_for_rescan,
            signs=self._signs,
            monotonic=self._clock.monotonic,
            now=self._clock.now,
        )

    def _opened_or_told(self, server: ServerClient) -> Outbox:
        """The outbox; where it can't be opened, the server is told so before that is raised."""
        try:
            return Outbox(self._path, disk=self._disk)
        except OutboxDamagedError:
            raise
        except OutboxError as error:
            self._tell_distress(server, error)
            raise

    def _tell_distress(self, server: ServerClient, error: OutboxError) -> None:
        """Tells the server that nothing can be captured, and how much waits in the folder."""
        if error.code == "agent_running" or self._clock.monotonic() < self._distress_due:
            return
        self._distress_due = self._clock.monotonic() + self._settings.poll_seconds
        with suppress(OutboxError):
            self._sight.saw(diagnosis.look(self._path, self._settings, self._clock.now(), self._disk).folder)
        with suppress(ServerError):
            server.contact(self._signs.without_outbox(error))

    def _ask_for_rescan(self) -> None:
        self._rescan.set()
        self._look.set()

    def _server(self) -> ServerClient:
        return ServerClient(self._settings.server, self._token, clock=self._clock)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the outbox, sound and of this version."""
        try:
            durable.make_folder(self._path.parent, disk=self._disk)
        except OSError as error:
            raise OutboxError("outbox_away", path=str(self._path), detail=error.strerror or str(error)) from error
        with AgentLock(self._path):
            close_files(self._path, self._settings, self._voice)
            try:
                is_new = not salvage.finish(self._path, self._disk)
                storage.check(self._path)
                Outbox(self._path, disk=self._disk).close()
                # The outbox proved sound: a copy from before a change that broke off is of no more use.
                till_update.forget_backup(self._path, self._disk)
                if is_new and (lost := salvage.recall(self._path, self._disk)):
                    self._voice.happened("outbox_salvaged", carried="0", lost=str(len(lost)))
            except OutboxDamagedError:
                self._rebuild()
            except OSError as error:
                raise OutboxError("outbox_away", path=str(self._path), detail=error.strerror or str(error)) from error
            yield

    def _warn_of_clear_text(self, server: ServerClient) -> None:
        if server.in_the_clear:
            self._voice.happened("token_in_clear", server=self._settings.server)

    def _rebuild(self) -> None:
        salvaged = salvage.rebuild(self._path, self._clock.now(), till_update.backup_of(self._path), self._disk)
        self._voice.happened("outbox_damaged", path=str(salvaged.aside))
        if salvaged.lost:
            self._voice.happened("outbox_salvaged", carried=str(salvaged.carried), lost=str(len(salvaged.lost)))


def _soonest(due: float | None, rescan: float) -> float:
    return max(0.0, rescan if due is None else min(due, rescan))
