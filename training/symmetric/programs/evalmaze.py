"""python evalmaze.py RUN SEGS N [sets]: right if the marked cells are exactly one shortest path (any)."""
import sys, time
from maze_train import *
run, segs, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]); names = sys.argv[4].split(",") if len(sys.argv) > 4 else ["s11", "11", "15", "21", "29", "rect", "30long", "hard"]
z = torch.load(run + "/state.pt", weights_only=False); m = Model(Config(**z["cfg"])); m.load(z["model"])
for k, v in m.params().items(): v.copy_(z["ema"][k])
print(run, m.count(), "parameters", z["cfg"], z["st"])
for name in names:
    t = time.process_time(); print(name, evaluate(m, [name], n, segs)[name], "%.1f s" % (time.process_time() - t), flush=True)
