"""What launch/tools/scaling-study does. In the order in which a study goes through it:

study_file   STUDY.json as a checked value; everything that can be wrong with it is an error that names the field
points       what is measured: every combination of method, length, ranks x threads and plan; lengths of weak scaling
machine      what the machine is and what else it does meanwhile
store        the output directory: raw.csv, failures, what a study may be resumed with
runs         one run of mpirun, from its words to its report
rows         the report of a run as rows of raw.csv
schedule     which point is next, and how long the rest takes
study        all of these in a loop
intervals    medians, their intervals, fits
results      raw.csv as points and series, speed-ups and efficiencies
summary      results as Markdown
plots        results as pictures (python3-matplotlib)
"""
