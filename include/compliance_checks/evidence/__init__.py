"""What an auditor gets of a check: results, tables, scanners' own documents, a report, and a manifest that finds any change."""
