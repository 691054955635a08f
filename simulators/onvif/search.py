"""Recording search of a camera that records on its own card (ONVIF Recording Search; Profile G)."""

import itertools
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.onvif.device import search_capabilities
from simulators.onvif.pullpoint import duration
from simulators.onvif.soap import NAMESPACES, SoapFault, Xml, tag, utc
from simulators.onvif.unit import Answer, Call, Operations, Unit

RECORDING, TRACK = "Recording_1", "Track_1"
#: Searches that are kept; a camera must keep one for 10 s at least if asked to (KeepAliveTime).
MOST_SEARCHES = 10
LEAST_KEEP = timedelta(seconds=10)


@dataclass(slots=True)
class _Search:
    ends_at: float  # monotonic seconds
    keep: timedelta
    told: bool = False


class SearchService:
    """Answers for one camera: one recording, from when it was switched on until now."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._numbers = itertools.count(1)
        self._searches: OrderedDict[str, _Search] = OrderedDict()

    @property
    def operations(self) -> Operations:
        """What it can be asked."""
        named = {
            "GetServiceCapabilities": self._capabilities,
            "GetRecordingSummary": self._summary,
            "GetRecordingInformation": self._information,
            "GetMediaAttributes": self._attributes,
            "FindRecordings": self._find,
            "GetRecordingSearchResults": self._results,
            "EndSearch": self._end,
        }
        return {(NAMESPACES["tse"], name): operation for name, operation in named.items()}

    async def _capabilities(self, _call: Call) -> Answer:
        return Answer(tag("tse:GetServiceCapabilitiesResponse", search_capabilities()))

    async def _summary(self, _call: Call) -> Answer:
        since, until = self._span()
        summary = tag(
            "tse:Summary",
            tag("tt:DataFrom", utc(since)),
            tag("tt:DataUntil", utc(until)),
            tag("tt:NumberRecordings", "1"),
        )
        return Answer(tag("tse:GetRecordingSummaryResponse", summary))

    async def _information(self, call: Call) -> Answer:
        _require_recording(call.request.require("RecordingToken"))
        told = self._described("tse:RecordingInformation")
        return Answer(tag("tse:GetRecordingInformationResponse", told))

    async def _attributes(self, call: Call) -> Answer:
        main = self._unit.profiles()[0]
        since, until = self._span()
        video = tag(
            "tt:VideoAttributes",
            tag("tt:Width", str(main.width)),
            tag("tt:Height", str(main.height)),
            tag("tt:Encoding", "H264"),
            tag("tt:Framerate", str(main.fps)),
        )
        attributes = tag(
            "tse:MediaAttributes",
            tag("tt:RecordingToken", RECORDING),
            tag("tt:TrackAttributes", self._track("tt:TrackInformation"), video),
            tag("tt:From", utc(since)),
            tag("tt:Until", utc(until)),
        )
        call.request.require("Time")
        return Answer(tag("tse:GetMediaAttributesResponse", attributes))

    async def _find(self, call: Call) -> Answer:
        keep = max(duration(call.request.require("KeepAliveTime")), LEAST_KEEP)
        token = f"Search_{next(self._numbers)}"
        self._searches[token] = _Search(time.monotonic() + keep.total_seconds(), keep)
        while len(self._searches) > MOST_SEARCHES:
            self._searches.popitem(last=False)
        return Answer(tag("tse:FindRecordingsResponse", tag("tse:SearchToken", token)))

    async def _results(self, call: Call) -> Answer:
        search = self._search(call)
        search.ends_at = time.monotonic() + search.keep.total_seconds()
        found = () if search.told else (self._described("tt:RecordingInformation"),)
        search.told = True
        listed = tag("tse:ResultList", tag("tt:SearchState", "Completed"), *found)
        return Answer(tag("tse:GetRecordingSearchResultsResponse", listed))

    async def _end(self, call: Call) -> Answer:
        self._search(call)
        self._searches.pop(call.request.require("SearchToken"))
        return Answer(tag("tse:EndSearchResponse", tag("tse:Endpoint", utc(self._unit.now()))))

    def _search(self, call: Call) -> _Search:
        search = self._searches.get(call.request.require("SearchToken"))
        if search is None or search.ends_at < time.monotonic():
            raise SoapFault("unknown search token", "ter:InvalidArgVal", "ter:InvalidToken")
        return search

    def _span(self) -> tuple[datetime, datetime]:
        return self._unit.recording_since + self._unit.clock_offset, self._unit.now()

    def _described(self, name: str) -> Xml:
        since, until = self._span()
        return tag(
            name,
            tag("tt:RecordingToken", RECORDING),
            tag(
                "tt:Source",
                tag("tt:SourceId", self._unit.address("/onvif/device_service")),
                tag("tt:Name", self._unit.name),
                tag("tt:Location", ""),
                tag("tt:Description", ""),
                tag("tt:Address", self._unit.address("/onvif/device_service")),
            ),
            tag("tt:EarliestRecording", utc(since)),
            tag("tt:LatestRecording", utc(until)),
            tag("tt:Content", "everything"),
            self._track("tt:Track"),
            tag("tt:RecordingStatus", "Recording"),
        )

    def _track(self, name: str) -> Xml:
        since, until = self._span()
        return tag(
            name,
            tag("tt:TrackToken", TRACK),
            tag("tt:TrackType", "Video"),
            tag("tt:Description", ""),
            tag("tt:DataFrom", utc(since)),
            tag("tt:DataTo", utc(until)),
        )


def _require_recording(token: str) -> None:
    if token != RECORDING:
        raise SoapFault("unknown recording token", "ter:InvalidArgVal", "ter:InvalidToken")
