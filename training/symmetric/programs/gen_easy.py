import sys,time; sys.path.insert(0,'../../..')
import numpy as np, os
from hrm_model.tasks.sudoku.grid import SUDOKU_9
from hrm_model.tasks.sudoku.generator import generate
from hrm_model.tasks.sudoku.classes import symmetry_classes
import data,glob
rng=np.random.default_rng(int(sys.argv[2])); n=int(sys.argv[1])
banned=set()
for f in glob.glob('../../../assets/puzzles/test/sudoku-9x9/*.txt')+glob.glob('hard/*.txt'):
    if f.endswith('README.md'): continue
    banned|=set(symmetry_classes(data.read(f),SUDOKU_9).tolist())
P=[];S=[];K=[]
for k,c in enumerate((36,30,26,None)):
    m=n if k else n//4
    t=time.time();p,s=generate(SUDOKU_9,m,c,rng);print(c,m,time.time()-t,flush=True)
    keep=np.array([x not in banned for x in symmetry_classes(p,SUDOKU_9).tolist()]);print('dropped',int((~keep).sum()))
    P.append(p[keep]);S.append(s[keep]);K.append(np.full(keep.sum(),k,np.int8))
np.savez('./data/tmp.npz',p=np.concatenate(P),s=np.concatenate(S),k=np.concatenate(K));os.replace('./data/tmp.npz',sys.argv[3])
