-- The counts of packed bins of late rows are put together like the bins.
CREATE AGGREGATE concatenated (integer[]) (SFUNC = array_cat, STYPE = integer[]);
