"""Files from the web: whole, checked, resumed where a connection broke."""

import logging
import time
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

logger = logging.getLogger("talkflow")

ATTEMPTS = 5  # a connection may break this often in one call; the next call goes on from there
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces
PIECE = 1 << 20  # bytes


def download(address: str, path: str | Path, sha256: str | None) -> None:
    """Fetch `address` to `path`, unless it is there already with this digest; it appears whole or not at all.

    What a broken connection leaves is kept as `{path}.part` and gone on from, when the server vouches (by its ETag)
    that the file is still the same. Raises requests.RequestException when the file cannot be had, ValueError when its
    digest is another one.
    """
    path = Path(path)
    pooch.retrieve(
        address, f"sha256:{sha256}" if sha256 else None, fname=path.name, path=path.parent, downloader=_Resumed(path)
    )


def reachable(address: str) -> bool:
    """Whether a server answers there, whatever it says."""
    try:
        requests.head(address, timeout=3)
    except requests.RequestException:
        return False
    return True


class _Resumed:
    """A downloader for pooch that keeps what it has when the connection breaks."""

    def __init__(self, path: Path) -> None:
        self.part = path.with_name(f"{path.name}.part")
        self.tag = path.with_name(f"{path.name}.part.etag")

    def __call__(self, address: str, target: str, _: object) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._go_on(address)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                if attempt == ATTEMPTS or not self.part.exists():
                    raise
                logger.warning("%s: the connection broke (%s); going on", address, type(error).__name__)
                time.sleep(attempt)
        self.part.replace(target)
        self.tag.unlink(missing_ok=True)

    def _go_on(self, address: str) -> None:
        have = self.part.stat().st_size if self.part.exists() and self.tag.exists() else 0
        headers = {"Accept-Encoding": "identity"}  # bytes as they lie there, so that they can be counted
        if have:
            # If-Range: the rest if the file is still the same, else all of it
            headers |= {"Range": f"bytes={have}-", "If-Range": self.tag.read_text()}
        with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as reply:
            if have and reply.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()  # nothing is left to send, and yet it was not moved into place: start again
                return self._go_on(address)
            reply.raise_for_status()
            if reply.status_code != requests.codes.partial_content:
                have = 0
            self.tag.unlink(missing_ok=True)
            etag = reply.headers.get("ETag", "")
            if etag and not etag.startswith("W/"):  # a weak tag does not promise equal bytes
                self.tag.write_text(etag)
            rest = int(reply.headers.get("Content-Length", 0))
            bar = tqdm(total=have + rest or None, initial=have, unit="B", unit_scale=True, desc=self.part.stem)
            with bar, self.part.open("ab" if have else "wb") as file:
                for piece in reply.iter_content(PIECE):
                    file.write(piece)
                    bar.update(len(piece))
