"""The channels: one module for each kind of source, each keeping the promises of `source.Source`."""

from datetime import datetime

from include.connection import Connections
from include.parts.channels import AnySource, FileSource, HttpSource, ImapSource, SqlSource
from include.voc_aggregation.sources.source import Source


def opened(source: AnySource, at: datetime, connections: Connections) -> Source:
    """The channel that a product file's `source` describes; `at` is the run's own time. Raises InputError."""
    match source:
        case FileSource():
            from include.voc_aggregation.sources.files import FileChannel

            return FileChannel(source, connections)
        case SqlSource():
            from include.voc_aggregation.sources.sql import SqlChannel

            return SqlChannel(source, connections)
        case HttpSource():
            from include.voc_aggregation.sources.http import HttpChannel

            return HttpChannel(source, at, connections)
        case ImapSource():
            from include.voc_aggregation.sources.imap import ImapChannel

            return ImapChannel(source, connections)
