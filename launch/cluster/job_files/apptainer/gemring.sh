#!/bin/bash
# @about@
#
# The hybrid model: the host's mpirun starts one container for each rank, and the Open MPI inside speaks with it. Both
# have to be of the series 4.1. launch/cluster/job_files/apptainer/gemring.def of gemring's source says how the image
# is made. It was run with a stand-in for Apptainer only. Start it where the nodes are known: in an allocation of
# Slurm, or with a hostfile.
@before@
export OMP_NUM_THREADS=@threads@
# Ranks in containers may be forbidden to read each other's memory; they then copy through /dev/shm.
export OMPI_MCA_btl_vader_single_copy_mechanism=none
mpirun @hostfile@-n @ranks@ --map-by ppr:@ranks_per_node@:node:pe=@threads@ --bind-to core \
  @timeout@-x OMP_NUM_THREADS -x OMPI_MCA_btl_vader_single_copy_mechanism \
  apptainer exec @bind@@image@ \
  @command@
