import sys,time; sys.path.insert(0,'../../..')
import numpy as np, os
from hrm_model.tasks.sudoku import *
from hrm_model.tasks import sudoku
from hrm_model.tasks.sudoku_generator import generate
V=[v for v in vars(sudoku).values() if isinstance(v,dict)]
from hrm_model.tasks.sudoku import Variant
v9=Variant(9,3,3)
rng=np.random.default_rng(int(sys.argv[2]))
n=int(sys.argv[1])
P=[];S=[];K=[]
for k,c in enumerate((36,30,26,None)):
    t=time.time();p,s=generate(v9,n,c,rng);P.append(p);S.append(s);K.append(np.full(len(p),k,np.int8));print(c,n,time.time()-t,flush=True)
np.savez('./data/tmp.npz',p=np.concatenate(P),s=np.concatenate(S),k=np.concatenate(K));os.replace('./data/tmp.npz',sys.argv[3])
