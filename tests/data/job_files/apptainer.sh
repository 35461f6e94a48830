#!/bin/bash
# gemring on 3 nodes x 1 rank x 32 threads, written by `gemring launch`.
# 1 rank a node: its cores share one memory.
# 32 threads a rank: a node's 32 cores (--cores-per-node).
# Planned for a prompt of 100,000 tokens (--tokens), 4,096 kept, 256 new ones.
# Memory: node 0 (from 0) needs most, # MiB. Asked for on each: # MiB, a tenth and 1 GiB more for what plans do not count.
#   plan for 3 ranks, 8 layers, method gemfilter
#     filter             rank 0
#     stage 0   0..3     rank 1
#     stage 1   4..7     rank 2
#     chunks             by the prompt's length
#
# The hybrid model: the host's mpirun starts one container for each rank, and the Open MPI inside speaks with it. Both
# have to be of the series 4.1. launch/cluster/job_files/apptainer/gemring.def of gemring's source says how the image
# is made. It was run with a stand-in for Apptainer only. Start it where the nodes are known: in an allocation of
# Slurm, or with a hostfile.
export OMP_NUM_THREADS=32
# Ranks in containers may be forbidden to read each other's memory; they then copy through /dev/shm.
export OMPI_MCA_btl_vader_single_copy_mechanism=none
mpirun --hostfile 'my hosts' -n 3 --map-by ppr:1:node:pe=32 --bind-to core \
  --timeout 1800 -x OMP_NUM_THREADS -x OMPI_MCA_btl_vader_single_copy_mechanism \
  apptainer exec --bind /models/demo gemring.sif \
  gemring generate \
    --model /models/demo \
    --question 'Who stole the '\''tarts'\''?' \
    --chat \
    --user-file book.txt \
    --compute f32 \
    --allow-extrapolation \
    --log-level info
