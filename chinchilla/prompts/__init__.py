"""From a record to instruction rows: what is asked, in which words, with which answer."""
