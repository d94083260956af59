# Goes on with runs/sudoku for as many minutes as asked; the rate falls over the last 60 % of them: sh run_sudoku.sh 90
# Needs data/easy.npz (gen_easy.py), data/hard.npz (hardgen.py), data/b4.npz, b6, b12, b16 (gen_train_big.py) and ../runs beside this folder.
MIX='mix=[["data/easy.npz",1,0.5],["data/easy.npz",2,1],["data/easy.npz",3,2.5],["data/hard.npz",0,2],["data/hard.npz",1,2],["data/hard.npz",2,2.5],["data/hard.npz",3,2]]'
python train.py runs/sudoku threads=2 um=1 w=48 Hc=3 Lc=2 opt=muon lr=0.001 muon_lr=0.008 sched=tail decay=0.6 floor=0.02 easy=0.25 randshare=0.25 segs=20 every=400 evaln=40 evalsegs=32 budget=1e9 final=100 plain=2 'sizes=[[4,4,6],[3,4,12],[4,4,6],[2,3,24]]' begin=$(date +%s) end=$(($(date +%s) + 60 * $1)) 'evals=["minimal","17","top1465","forum","1106"]' "$MIX" 
