"""What the engines, the analysis and the search cost on this machine, side by side with a peer in one run.

The peer is the `face-recognition` package; of a search it is faiss.  It and each of our engines run in a child process
of their own, so that neither shares the other's threads or adds to its memory; calls alternate (ours, peer, ours, peer
...) and are timed inside the child.  What is printed are medians with the least and the most.
"""
